#include "unroll/data/lines.hpp"

#include "unroll/data/text.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

/// The parts of a text between separators.
template <class Part>
std::vector<Part> split(std::string_view text, char separator) {
  std::vector<Part> parts;
  for (std::size_t end; (end = text.find(separator)) != text.npos; text.remove_prefix(end + 1))
    parts.emplace_back(text.substr(0, end));
  parts.emplace_back(text);
  return parts;
}

}  // namespace

TextLines lines_of(std::string_view raw, std::string name) {
  if (const auto fault = find_utf8_fault(raw)) raise<DataError>("{}", describe(*fault, name));
  const Text text = decode_text(raw, name, Encoding::utf8);
  TextLines result{std::move(name), split<std::string>(text.characters, '\n')};
  if (result.lines.back().empty()) result.lines.pop_back();  // the end of the last line begins none
  return result;
}

TextLines read_lines(const std::string& path) {
  TextLines result = lines_of(read_bytes(path), path);
  if (result.lines.empty()) raise<DataError>("{}: the file is empty", path);
  return result;
}

std::string_view trimmed(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> columns_of(std::string_view line) {
  return split<std::string_view>(line, '\t');
}

}  // namespace unroll
