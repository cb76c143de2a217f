#pragma once
/// \file A text file by its lines, for messages that say file and line.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/autograd/error.hpp"

namespace unroll {

/// The lines of a text, without their ends; line i of the file is lines[i - 1].
struct TextLines {
  std::string name;                ///< of the file, for messages
  std::vector<std::string> lines;  ///< without their ends

  /// Throws DataError `name:number: …`, numbers from 1.
  template <class... Args>
  [[noreturn]] void fail_at(std::size_t number, fmt::format_string<Args...> format, Args&&... args) const {
    raise<DataError>("{}:{}: {}", name, number, fmt::format(format, std::forward<Args>(args)...));
  }
};

/// The lines of raw bytes. A byte order mark at the beginning is dropped, and CR LF is read as LF.
/// Errors: DataError `name:line: byte …` if they are not UTF-8.
TextLines lines_of(std::string_view raw, std::string name);

/// The lines of a file.
/// Errors: DataError if it cannot be read, is empty or is not UTF-8.
TextLines read_lines(const std::string& path);

/// A text without the spaces and tabs at both ends.
/// Lifetime: it points into `text`.
std::string_view trimmed(std::string_view text);

/// Whether a line has nothing but spaces and tabs.
inline bool is_blank(std::string_view line) { return trimmed(line).empty(); }

/// The parts of a line between its tabs: one more than there are tabs.
std::vector<std::string_view> columns_of(std::string_view line);

}  // namespace unroll
