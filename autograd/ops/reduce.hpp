#pragma once
/// \file Reductions over any axes.

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// How a reduction gives its result.
struct ReduceOptions {
  bool keepdims = false;  ///< the reduced axes stay, with extent 1
};

/// What:   Σ x over `axes`.
/// Shapes: those axes are dropped, or kept with extent 1: `sum(x, 0, {.keepdims = true})`.
/// Errors: IndexError for an axis outside the rank or named twice.
template <class T>
Variable<T> sum(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});

/// Σ x / n over `axes`.
/// Errors: also UsageError where n is 0.
template <class T>
Variable<T> mean(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});

/// The same for expressions.
template <class E>
requires detail::Lazy<E>
auto sum(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return sum(Variable<typename std::decay_t<E>::value_type>(std::forward<E>(x)), axes, options);
}
template <class E>
requires detail::Lazy<E>
auto mean(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return mean(Variable<typename std::decay_t<E>::value_type>(std::forward<E>(x)), axes, options);
}

}  // namespace unroll
