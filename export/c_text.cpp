#include "unroll/detail/export/c_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace unroll::detail {
namespace {

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_figure(char c) { return c >= '0' && c <= '9'; }

// Of C and C++; and what the file itself calls things.
constexpr std::array reserved{
    "alignas",  "alignof",  "and",      "asm",    "auto",    "bitand",    "bitor",    "bool",
    "break",    "case",     "catch",    "char",   "class",   "compl",     "const",    "constexpr",
    "continue", "decltype", "default",  "delete", "do",      "double",    "else",     "enum",
    "explicit", "export",   "extern",   "false",  "float",   "for",       "friend",   "goto",
    "if",       "inline",   "int",      "long",   "mutable", "namespace", "new",      "noexcept",
    "not",      "nullptr",  "operator", "or",     "private", "protected", "public",   "register",
    "requires", "restrict", "return",   "short",  "signed",  "sizeof",    "static",   "struct",
    "switch",   "template", "this",     "throw",  "true",    "try",       "typedef",  "typeid",
    "typename", "union",    "unsigned", "using",  "virtual", "void",      "volatile", "wchar_t",
    "while",    "xor",      "main",     "x",      "y",       "s"};

}  // namespace

std::string c_identifier(std::string_view text, std::string_view fallback) {
  std::string name;
  for (const char c : text.substr(0, 60)) {
    const bool fits = is_letter(c) || is_figure(c);
    if (!fits && (name.empty() || name.back() == '_')) continue;
    name += fits ? c : '_';
  }
  while (!name.empty() && name.back() == '_') name.pop_back();
  name.erase(0, std::min(name.find_first_not_of('_'), name.size()));
  if (name.empty()) return std::string(fallback);
  if (is_figure(name[0])) name = std::string(fallback) + '_' + name;
  if (std::find(reserved.begin(), reserved.end(), name) != reserved.end()) name += "_net";
  return name;
}

std::string c_comment(std::string_view text, std::size_t width) {
  std::string line;
  for (const char c : text) {
    if (line.size() + 3 >= width && text.size() > width) return line + "...";
    const bool plain = c >= ' ' && c <= '~' && c != '\\' && c != '?';
    const bool ends = !line.empty() && ((c == '/' && line.back() == '*') || (c == '*' && line.back() == '/'));
    line += plain && !ends ? c : c == '\t' ? ' ' : '.';
  }
  return line;
}

template <class T>
std::string c_number(T x) {
  if (std::isnan(x)) return "NAN";
  if (std::isinf(x)) return x > 0 ? "INFINITY" : "-INFINITY";
  std::string text = fmt::format("{}", x);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return sizeof(T) == 4 ? text + "f" : text;
}
template std::string c_number(float);
template std::string c_number(double);

}  // namespace unroll::detail
