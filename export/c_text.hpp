#pragma once  // internal
/// \file Words and numbers of a C file: nothing but data and sanitised names gets into it.

#include <string>
#include <string_view>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

/// Letters, digits and underlines, beginning with a letter, no word of C: what else is there becomes an underline. Empty
/// names become `fallback`.
std::string c_identifier(std::string_view text, std::string_view fallback);
/// What may stand in a comment: printable ASCII in which no comment ends, at most `width` characters.
std::string c_comment(std::string_view text, std::size_t width = 100);
/// A number that reads back to the bit.
template <class T>
std::string c_number(T x);

}  // namespace unroll::detail
