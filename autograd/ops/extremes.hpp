#pragma once
/// \file Largest and smallest elements, and the smooth maximum.

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/reduce.hpp"

namespace unroll {

/// What:   the largest element over `axes`. Elements that tie for it share the gradient equally. NaN where an
///         element is NaN.
/// Shapes: as sum.
/// Errors: IndexError for an axis outside the rank or named twice; UsageError for the maximum of nothing.
/// Cost:   over axes that are not the last ones one more copy; the same holds for the functions below.
template <class T>
Variable<T> max(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});
/// The same for axes in braces, `max(x, {0, 2})`: closer than std::max.
template <class T>
Variable<T> max(const Variable<T>& x, std::initializer_list<int> axes, const ReduceOptions& options = {}) {
  return max(x, Axes(axes), options);
}

/// What:   the smallest element over `axes`; the rest as for max.
template <class T>
Variable<T> min(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});
/// The same for axes in braces, `min(x, {0, 2})`: closer than std::min.
template <class T>
Variable<T> min(const Variable<T>& x, std::initializer_list<int> axes, const ReduceOptions& options = {}) {
  return min(x, Axes(axes), options);
}

/// What:   where along `axis` the largest element is, the first of those that tie for it; that of the first NaN where
///         there is one. Integers have no gradient: nothing is recorded.
/// Shapes: x without that axis.
/// Errors: IndexError for an axis outside the rank; UsageError where the axis has no elements and the result has.
/// Source: PyTorch's argmax.
template <class T>
Indices argmax(const Variable<T>& x, int axis);

/// What:   ln Σ eˣ over `axes`.
/// Shapes, errors: as sum.
/// Range:  finite for any finite x; −∞ for −∞ alone (with gradient 0) and for nothing; ∞ where an element is.
template <class T>
Variable<T> logsumexp(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto max(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return max(Variable(std::forward<E>(x)), axes, options);
}
template <detail::Lazy E>
auto max(E&& x, std::initializer_list<int> axes, const ReduceOptions& options = {}) {
  return max(Variable(std::forward<E>(x)), Axes(axes), options);
}
/// The same for expressions.
template <detail::Lazy E>
auto min(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return min(Variable(std::forward<E>(x)), axes, options);
}
template <detail::Lazy E>
auto min(E&& x, std::initializer_list<int> axes, const ReduceOptions& options = {}) {
  return min(Variable(std::forward<E>(x)), Axes(axes), options);
}
/// The same for expressions.
template <detail::Lazy E>
Indices argmax(E&& x, int axis) {
  return argmax(Variable(std::forward<E>(x)), axis);
}
/// The same for expressions.
template <detail::Lazy E>
auto logsumexp(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return logsumexp(Variable(std::forward<E>(x)), axes, options);
}

}  // namespace unroll
