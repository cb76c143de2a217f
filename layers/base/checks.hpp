#pragma once  // internal
/// \file Mistakes that several layers look for.

#include "unroll/autograd/indices.hpp"

namespace unroll::detail {

/// Of a layer that was made by its default constructor.
/// Errors: UsageError.
[[noreturn]] void fail_empty_layer(const char* layer);

/// Errors: IndexError for a length outside 0 … time, naming its sequence.
void check_lengths(const char* op, const Indices& lengths, index_t time);

}  // namespace unroll::detail
