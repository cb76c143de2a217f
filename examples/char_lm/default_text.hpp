#pragma once
/// \file The text that char_lm learns when it is given none.

#include <string_view>

namespace unroll {

/// The project's own documents and sources, one after another, collected when the program is built.
std::string_view default_text();

}  // namespace unroll
