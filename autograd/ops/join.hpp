#pragma once
/// \file Joining arrays: concat along an axis, stack along a new one.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   the arrays one after another along `axis`.
/// Shapes: equal but for that axis.
/// Errors: UsageError for an empty list, ShapeError, IndexError.
template <class T>
Variable<T> concat(const std::vector<Variable<T>>& xs, int axis = 0);

/// What:   the arrays as slices 0, 1, … of a new axis.
/// Shapes: all equal.
template <class T>
Variable<T> stack(const std::vector<Variable<T>>& xs, int axis = 0);

}  // namespace unroll
