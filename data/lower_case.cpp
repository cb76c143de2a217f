#include "unroll/data/lower_case.hpp"

#include <clocale>
#include <cwctype>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

locale_t unicode_locale() {
  // Not the user's locale: a model reads the same on every machine.
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  if (!locale) raise<UsageError>("this system has no locale C.UTF-8, which small letters are taken from");
  return locale;
}

}  // namespace

std::string lower_case(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint c = code_point_at(text, at);
    if (c.fault.empty())
      append_utf8(result, static_cast<char32_t>(towlower_l(static_cast<wint_t>(c.value), unicode_locale())));
    else
      result += text.substr(at, c.length);
    at += c.length;
  }
  return result;
}

}  // namespace unroll
