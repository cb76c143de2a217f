#pragma once
/// \file Vectors made 1 long.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   x / max(‖x‖, eps) with the length ‖x‖ = √Σ x² over `axis`; 0 where x is 0.
/// Shapes: x of at least one axis → the same.
/// Range:  eps ≥ 0.
/// Errors: IndexError for the axis; UsageError for eps.
/// Source: the formula of PyTorch's F.normalize, whose axis is 1.
template <class T>
Variable<T> l2_normalise(const Variable<T>& x, int axis = -1, double eps = 1e-12);

/// The same for expressions.
template <detail::Lazy E>
auto l2_normalise(E&& x, int axis = -1, double eps = 1e-12) {
  return l2_normalise(Variable(std::forward<E>(x)), axis, eps);
}

}  // namespace unroll
