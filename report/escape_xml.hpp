#pragma once
/// \file Text from anywhere, as XML and HTML take it.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <string>
#include <string_view>

namespace unroll::report {

/// What:   text as XML and HTML take it in an element or an attribute in double quotes: without what would be markup;
///         characters that XML forbids, and bytes that are not UTF-8, are U+FFFD.
std::string escape_xml(std::string_view text);

}  // namespace unroll::report
