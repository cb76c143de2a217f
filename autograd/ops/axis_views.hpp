#pragma once
/// \file Views of an array with axes of one element more or fewer, and cut into pieces of given sizes.

#include <vector>

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   x with a new axis of one element, number `axis` of the result; a view where x is dense.
/// Errors: IndexError for an axis outside the rank of the result; ShapeError above rank 5.
template <class T>
Variable<T> unsqueeze(const Variable<T>& x, int axis);

/// What:   x without `axes` (none: without all axes of one element); a view where x is dense.
/// Errors: ShapeError for an axis that has not one element, as in NumPy; IndexError for an axis outside the rank or
///         named twice.
template <class T>
Variable<T> squeeze(const Variable<T>& x, const Axes& axes = {});

/// What:   x in pieces of these extents along `axis`, as views: `split(x, {2, 3, 1}, 1)`.
/// Errors: ShapeError for a negative extent, and unless they add up to that of x; IndexError for the axis.
template <class T>
std::vector<Variable<T>> split(const Variable<T>& x, const std::vector<index_t>& sizes, int axis = 0);

/// The same for expressions.
template <detail::Lazy E>
auto unsqueeze(E&& x, int axis) {
  return unsqueeze(Variable(std::forward<E>(x)), axis);
}
/// The same for expressions.
template <detail::Lazy E>
auto squeeze(E&& x, const Axes& axes = {}) {
  return squeeze(Variable(std::forward<E>(x)), axes);
}
/// The same for expressions.
template <detail::Lazy E>
auto split(E&& x, const std::vector<index_t>& sizes, int axis = 0) {
  return split(Variable(std::forward<E>(x)), sizes, axis);
}

}  // namespace unroll
