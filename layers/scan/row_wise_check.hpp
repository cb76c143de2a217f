#pragma once  // internal
/// \file A cell held to its word that it is row-wise.

#include "unroll/detail/layers/cells/any_cell.hpp"

namespace unroll::detail {

/// What:   compares one step on the batch of xs (T, B, …) with the same step on its two halves.
/// Returns whether it could: not where B < 2, or what has no axis B.
/// Errors: UsageError where they differ by more than rounding.
template <class T>
bool check_row_wise(const AnyCell<T>& cell, const Variable<T>& xs, const std::vector<Variable<T>>& state);

}  // namespace unroll::detail
