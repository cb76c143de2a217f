#pragma once
/// \file A text file by pieces, for texts larger than memory: what decode_text makes of the whole, bit for bit.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/normalise.hpp"
#include "unroll/data/text.hpp"

namespace unroll {

/// Where a text lies: a regular file, which is read by pieces, or bytes in memory. What is no regular file, as a pipe, is
/// read once and kept in memory.
class TextSource {
 public:
  /// Opens a file.
  /// Errors: DataError `path: reason`.
  static TextSource of_file(const std::string& path);
  /// Bytes that outlive the source.
  static TextSource of_bytes(std::string_view bytes, std::string name);

  /// What messages call it.
  const std::string& name() const { return name_; }
  /// Its bytes, as many as when it was opened.
  std::uint64_t size() const;
  /// The `count` bytes from `offset` on, or those that there are.
  /// Lifetime: until the next call, or that of the source.
  /// Errors: DataError `path: reason`; also where the file has become shorter.
  std::string_view read(std::uint64_t offset, std::size_t count, std::string& buffer) const;
  /// The first byte that is not UTF-8, nothing if there is none. `reached` is told how far the search is.
  std::optional<Utf8Fault> find_fault(const std::function<void(std::uint64_t)>& reached = {}) const;

 private:
  struct File;
  std::string name_;
  std::shared_ptr<const File> file_;
  std::shared_ptr<const std::string> kept_;
  std::string_view bytes_;
};

/// The characters of a text, piece by piece.
/// Lifetime: the source outlives it.
class TextStream {
 public:
  /// Without a wish for the encoding, as decode_text: UTF-8 if all of it is, which takes one more reading.
  /// Errors: DataError if the source cannot be read, of all members; UsageError for a normal form that this build has not.
  explicit TextStream(const TextSource& source, std::optional<Encoding> encoding = {},
                      Normalisation form = Normalisation::none);

  /// The next characters, about a million; empty at the end of the text. Sound UTF-8.
  std::string next();
  /// What its characters are.
  Encoding encoding() const { return encoding_; }
  /// Bytes of the source that were read.
  std::uint64_t position() const { return position_; }
  /// What was not plain about what was read, as Text::notes.
  std::vector<std::string> notes() const;

 private:
  const TextSource* source_;
  Encoding encoding_;
  std::vector<std::string> first_notes_;
  TextDecoder decoder_;
  Normaliser normaliser_;
  std::uint64_t position_ = 0;
  bool ended_ = false;
  std::string buffer_;
};

}  // namespace unroll
