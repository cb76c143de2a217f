#pragma once
/// \file Reductions over any axes.

#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// Axes of a reduction, each once, counted from the end where negative; none given means all.
using Axes = std::vector<int>;

/// What:   Σ x over `axes`.
/// Shapes: those axes are dropped, or kept with extent 1 where `keepdims`.
/// Errors: IndexError for an axis outside the rank or named twice.
template <class T>
Variable<T> sum(const Variable<T>& x, const Axes& axes = {}, bool keepdims = false);

/// Σ x / n over `axes`.
/// Errors: also UsageError where n is 0.
template <class T>
Variable<T> mean(const Variable<T>& x, const Axes& axes = {}, bool keepdims = false);

/// The same for expressions.
template <class E>
requires detail::Lazy<E>
auto sum(E&& x, const Axes& axes = {}, bool keepdims = false) {
  return sum(Variable<typename std::decay_t<E>::value_type>(std::forward<E>(x)), axes, keepdims);
}
template <class E>
requires detail::Lazy<E>
auto mean(E&& x, const Axes& axes = {}, bool keepdims = false) {
  return mean(Variable<typename std::decay_t<E>::value_type>(std::forward<E>(x)), axes, keepdims);
}

namespace detail {
/// Σ x over the axes along which `kept` broadcasts to x, under the shape `shape` of the same size.
template <class T>
Variable<T> sum_to(const Variable<T>& x, const Shape& kept, const Shape& shape);
template <class T>
Variable<T> sum_to(const Variable<T>& x, const Shape& shape) {
  return sum_to(x, shape, shape);
}
/// The shape of x with `axes` reduced to 1.
Shape kept_shape(const char* op, const Shape& shape, const Axes& axes);
/// `kept` without the axes that were reduced.
Shape dropped_shape(const Shape& shape, const Axes& axes);
}  // namespace detail

}  // namespace unroll
