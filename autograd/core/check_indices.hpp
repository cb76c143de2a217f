#pragma once  // internal
/// \file Indices within their range.

#include <string_view>

#include "unroll/autograd/indices.hpp"

namespace unroll::detail {

/// Throws IndexError, naming op, position, value and range, unless each element is in 0 … extent − 1. `what`
/// is what the elements are called.
void check_indices(std::string_view op, std::string_view what, const Indices& indices, index_t extent);
[[noreturn]] void fail_index(std::string_view op, std::string_view what, const Indices& indices,
                             index_t position, index_t extent);

}  // namespace unroll::detail
