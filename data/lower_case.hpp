#pragma once
/// \file Capitals as small letters.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <string>
#include <string_view>

namespace unroll {

/// Every letter of a UTF-8 text that has a small form of one code point, in that form; all else as it is.
/// Errors: UsageError if the system has no Unicode locale (C.UTF-8), which knows the letters.
std::string lower_case(std::string_view text);

}  // namespace unroll
