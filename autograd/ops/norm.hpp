#pragma once
/// \file The length of vectors.

#include "unroll/autograd/reduce.hpp"

namespace unroll {

/// What:   √Σ x² over `axes`; slope 0 at 0.
/// Shapes, errors: as sum.
template <class T>
Variable<T> norm(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto norm(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return norm(Variable(std::forward<E>(x)), axes, options);
}

}  // namespace unroll
