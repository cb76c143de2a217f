#pragma once
/// \file Lines of standard input, or of any stream, one at a time.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <optional>
#include <string>

namespace unroll::program {

/// Reads UTF-8 as decode_text() does: a byte order mark at the beginning is left out, CR LF ends a line as LF
/// does, and every byte that is not UTF-8 is taken for U+FFFD. Each line is there as soon as it was sent.
/// Lifetime: the stream outlives it.
class LineReader {
 public:
  /// `note` is told the first fault of every line, as `standard input:3: byte 0xE9 …`.
  LineReader(std::istream& in, std::string name, std::function<void(const std::string&)> note);

  /// The next line without its end; nothing where there is none.
  std::optional<std::string> next();
  /// Of the line read last, from 1.
  std::int64_t number() const { return number_; }

 private:
  std::istream& in_;
  std::string name_;
  std::function<void(const std::string&)> note_;
  std::int64_t number_ = 0;
};

/// Standard input as a stream that throws where reading fails, and waits for no more than what was sent.
/// Errors: DataError `standard input: the system's reason`, from whatever reads it.
std::istream& standard_input();

/// A note on standard error, after the program's name.
std::function<void(const std::string&)> note_to_stderr(std::string program);

/// Writes to standard output at once.
/// Errors: std::system_error if that fails.
void write_out(std::string_view text);

}  // namespace unroll::program
