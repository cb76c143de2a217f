#pragma once
/// \file dygraphs, as Debian packages it, compiled in; cmake/UnrollProgram.cmake makes the source.

#include <string_view>

namespace unroll::tool {

std::string_view dygraphs_script();
std::string_view dygraphs_style();
std::string_view dygraphs_licence();

}  // namespace unroll::tool
