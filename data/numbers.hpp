#pragma once  // internal
/// \file A number out of a text, in no locale.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace unroll::detail {

/// The number that all of `word` is: decimal, with a point, `1e-3` and a leading `+` allowed; one too small for a double
/// is 0, one too large infinity. NaN and infinity as words are numbers too. Nothing for what is no number.
std::optional<double> number_in(std::string_view word);

/// The fast way for most numbers: a sign, up to 15 digits, one point. False for all else, which may be a number too.
/// What:   the digits as an integer and the power of ten are exact, so that their quotient is rounded once: the same bits.
/// Source: Clinger (1990).
inline bool plain_decimal(std::string_view word, double& value) {
  static constexpr double powers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                      1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  if (word.size() > 17) return false;
  const char *at = word.data(), *const end = at + word.size();
  const bool negative = at != end && *at == '-';
  const char* const begin = at += negative;
  std::uint64_t whole = 0;
  const auto take_digits = [&] {
    for (unsigned digit; at != end && (digit = static_cast<unsigned char>(*at) - unsigned{'0'}) < 10; ++at)
      whole = whole * 10 + digit;
  };
  take_digits();
  std::ptrdiff_t digits = at - begin, fraction = 0;
  if (at != end && *at == '.') {
    const char* const point = at++;
    take_digits();
    fraction = at - point - 1;
    digits += fraction;
  }
  if (at != end || digits == 0 || digits > 15) return false;
  value = static_cast<double>(whole) / powers[fraction];
  if (negative) value = -value;
  return true;
}

}  // namespace unroll::detail
