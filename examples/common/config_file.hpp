#pragma once
/// \file Options from a file, as `--config` reads them.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unroll::program {

/// One line `name = value` of such a file.
struct ConfigEntry {
  std::string name;                 ///< without dashes
  std::vector<std::string> values;  ///< one, or those of a list in brackets
  std::string place;                ///< `file:line:column` of the name
};

/// The entries of a file: lines `name = value`. A text may be quoted: "…" with the escapes \" \\ \n \t, or '…' with none;
/// a list stands in brackets, with commas. `#` begins a comment. Empty lines, and those that are a name in brackets, as
/// [train], are passed over.
/// Errors: DataError `file:line:column: what` for other lines, an empty value, and a name that stands twice; DataError
///         if the file cannot be read or is not UTF-8.
std::vector<ConfigEntry> read_config(const std::string& path);
/// The same from a text; `name` stands for the file.
std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& name);

}  // namespace unroll::program
