#pragma once  // internal
/// \file page.css and page.js, as they stand in every page; cmake/EmbedText.cmake makes the source.

#include <string_view>

namespace unroll::report::detail {

std::string_view page_style();
std::string_view page_script();

}  // namespace unroll::report::detail
