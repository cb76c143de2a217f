#pragma once
/// \file The product of elements.

#include "unroll/autograd/reduce.hpp"

namespace unroll {

/// What:   Π x over `axes`; 1 for nothing. The gradient divides by nothing: it is right where elements are 0.
/// Shapes, errors: as sum.
/// Range:  the products are formed in double.
template <class T>
Variable<T> prod(const Variable<T>& x, const Axes& axes = {}, const ReduceOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto prod(E&& x, const Axes& axes = {}, const ReduceOptions& options = {}) {
  return prod(Variable(std::forward<E>(x)), axes, options);
}

}  // namespace unroll
