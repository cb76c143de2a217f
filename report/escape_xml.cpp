#include "unroll/report/escape_xml.hpp"

#include "unroll/data/utf8.hpp"

namespace unroll::report {
namespace {

bool may_stand_in_xml(char32_t c) {
  return c == '\t' || c == '\n' || c == '\r' || (c >= 0x20 && c != 0xFFFE && c != 0xFFFF && c != 0x7F);
}

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    const std::string_view same = text.substr(at, c.length);
    at += c.length;
    if (!c.fault.empty() || !may_stand_in_xml(c.value))
      result += "\uFFFD";
    else if (same == "&")
      result += "&amp;";
    else if (same == "<")
      result += "&lt;";
    else if (same == ">")
      result += "&gt;";
    else if (same == "\"")
      result += "&quot;";
    else if (same == "'")
      result += "&#39;";
    else
      result += same;
  }
  return result;
}

}  // namespace unroll::report
