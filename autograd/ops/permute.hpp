#pragma once
/// \file Axes in another order.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   axis k of the result is axis order[k] of x, a copy.
/// Errors: ShapeError unless `order` has one entry for each axis; IndexError for an axis outside the rank or
///         named twice.
template <class T>
Variable<T> permute(const Variable<T>& x, const std::vector<int>& order);

/// What:   x with two axes exchanged, a copy.
/// Errors: IndexError.
template <class T>
Variable<T> transpose(const Variable<T>& x, int axis0, int axis1);

/// What:   xᵀ for a matrix, a copy.
/// Errors: ShapeError.
template <class T>
Variable<T> transpose(const Variable<T>& x);

/// The same for expressions.
template <detail::Lazy E>
auto permute(E&& x, const std::vector<int>& order) {
  return permute(Variable(std::forward<E>(x)), order);
}
template <detail::Lazy E>
auto transpose(E&& x, int axis0, int axis1) {
  return transpose(Variable(std::forward<E>(x)), axis0, axis1);
}
template <detail::Lazy E>
auto transpose(E&& x) {
  return transpose(Variable(std::forward<E>(x)));
}

}  // namespace unroll
