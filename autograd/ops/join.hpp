#pragma once
/// \file Joining arrays: concat along an axis, stack along a new one.

#include <initializer_list>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

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

/// The same for arrays in braces: `concat({x, h}, 1)`.
template <class T>
Variable<T> concat(std::initializer_list<Variable<T>> xs, int axis = 0) {
  return concat(std::vector<Variable<T>>(xs), axis);
}
/// The same for arrays in braces.
template <class T>
Variable<T> stack(std::initializer_list<Variable<T>> xs, int axis = 0) {
  return stack(std::vector<Variable<T>>(xs), axis);
}

/// A list of expressions is refused; with the element type given, each becomes a Variable:
/// `concat<float>({a * b, h}, 1)`.
template <detail::Lazy E>
auto concat(const std::vector<E>&, int = 0) {
  return detail::refuse_list<E>();
}
/// The same.
template <detail::Lazy E>
auto stack(const std::vector<E>&, int = 0) {
  return detail::refuse_list<E>();
}
/// The same.
template <detail::Lazy E>
auto concat(std::initializer_list<E>, int = 0) {
  return detail::refuse_list<E>();
}
/// The same.
template <detail::Lazy E>
auto stack(std::initializer_list<E>, int = 0) {
  return detail::refuse_list<E>();
}

}  // namespace unroll
