#pragma once  // internal
/// \file A text of any length, seen through a window that moves on: a file in pieces, or a text in memory.

#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace unroll::detail {

/// The bytes that have been read and not yet been consumed.
class ByteWindow {
 public:
  /// A file, which may be a pipe.
  /// Errors: DataError `path: reason`, here and where it is read.
  explicit ByteWindow(const std::string& path);
  /// A text, which must outlive this.
  static ByteWindow of_text(std::string_view text) { return ByteWindow(text); }

  const char* begin() const { return begin_; }
  const char* end() const { return end_; }
  /// Moves the beginning on.
  void consume_to(const char* where) { begin_ = where; }
  /// Adds what follows, which may move what is there. False at the end of the text.
  bool more();

 private:
  explicit ByteWindow(std::string_view text) : begin_(text.data()), end_(text.data() + text.size()) {}

  struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::string path_;
  std::unique_ptr<std::FILE, CloseFile> file_;
  std::vector<char> buffer_;
  const char* begin_ = nullptr;
  const char* end_ = nullptr;
};

}  // namespace unroll::detail
