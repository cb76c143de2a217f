#pragma once  // internal
/// \file A number out of a text, in no locale.

#include <optional>
#include <string_view>

namespace unroll::detail {

/// The number that all of `word` is: decimal, with a point, `1e-3` and a leading `+` allowed; one too small for a double
/// is 0, one too large infinity. NaN and infinity as words are numbers too. Nothing for what is no number.
std::optional<double> number_in(std::string_view word);

}  // namespace unroll::detail
