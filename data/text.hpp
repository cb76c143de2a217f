#pragma once
/// \file A text file as characters: UTF-8 by code points, anything else by bytes.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/utf8.hpp"

namespace unroll {

/// What one character of a text is: a code point, or a byte (shown as the code point of the same number).
enum class Encoding { utf8, bytes };

/// `utf8` or `bytes`, as options and files call them.
std::string_view name_of(Encoding encoding);
/// Errors: DataError for any other name than `utf8` and `bytes`.
Encoding encoding_named(std::string_view name);

/// A decoded text. `characters` is always sound UTF-8, one code point per character, whatever the file was.
/// `notes` says in words what was not plain: a mark dropped, line ends changed, bytes that are not UTF-8.
struct Text {
  std::string characters;              ///< sound UTF-8
  Encoding encoding = Encoding::utf8;  ///< what the file was
  std::vector<std::string> notes;      ///< what was not plain
};

/// The characters of raw bytes. Without a wish for the encoding: UTF-8 if all of it is, else bytes.
/// UTF-8 drops a byte order mark at the beginning and turns CR LF into LF; bytes are left as they are. If
/// UTF-8 is asked for, every byte that is not becomes U+FFFD. Each of these is told in `notes`, with
/// `name:line` where there is a position.
Text decode_text(std::string_view raw, std::string_view name, std::optional<Encoding> encoding = {});

/// Decodes a text that comes in pieces, by the rules of decode_text.
class TextDecoder {
 public:
  /// `name` stands in the notes.
  TextDecoder(Encoding encoding, std::string_view name) : encoding_(encoding), name_(name) {}

  /// The characters of what was held back and `raw`; without the end that what follows might change, which is held
  /// back, unless this is the last piece.
  std::string decode(std::string_view raw, bool last);
  /// What was not plain so far, in words.
  std::vector<std::string> notes() const;

 private:
  void decode_utf8(std::string_view text, bool last, std::string& characters);

  Encoding encoding_;
  std::string name_, held_;
  std::size_t offset_ = 0, lines_ = 0;  ///< before what is held
  std::size_t faults_ = 0, returns_ = 0;
  std::optional<Utf8Fault> first_fault_;
  bool mark_ = false;
};

/// Why a text that begins with `begin` is read as bytes: `describe(fault, name); the text is handled as bytes`.
std::string note_of_bytes(const Utf8Fault& fault, std::string_view begin, std::string_view name);

/// The way back from characters to the bytes of a file or terminal.
/// Errors: DataError for a character above U+00FF if the encoding is bytes.
std::string encode_text(std::string_view characters, Encoding encoding);

/// The bytes of a file, which may be a pipe.
/// Errors: DataError `path: reason`.
std::string read_bytes(const std::string& path);

}  // namespace unroll
