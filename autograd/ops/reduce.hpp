#pragma once
/// \file Reductions over any axes.

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

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

}  // namespace unroll
