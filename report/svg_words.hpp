#pragma once  // internal
/// \file Text in pictures: how wide it is, and as much of it as there is room for.

#include <string>
#include <string_view>

namespace unroll::report::drawing {

/// About how many pixels text of this size takes: the widths of Helvetica, and a tenth more, as other fonts are wider.
double text_width(std::string_view text, double size);

/// The text, or its beginning and an ellipsis, at most `width` pixels wide.
std::string shortened(std::string_view text, double size, double width);

}  // namespace unroll::report::drawing
