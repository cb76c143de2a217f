#pragma once
/// \file The variance of elements.

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// How var divides and gives its result.
struct VarOptions {
  double correction = 1;  ///< the sum of squares is divided by n − correction; 0: by n, as NumPy does
  bool keepdims = false;  ///< the reduced axes stay, with extent 1
};

/// What:   Σ (x − mean)² / (n − correction) over `axes`, with n elements each.
/// Shapes: as sum.
/// Range:  exact to rounding however far the mean is from 0: the mean is subtracted before squares are summed.
/// Errors: IndexError for an axis outside the rank or named twice; UsageError unless n > correction.
template <class T>
Variable<T> var(const Variable<T>& x, const Axes& axes = {}, const VarOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto var(E&& x, const Axes& axes = {}, const VarOptions& options = {}) {
  return var(Variable(std::forward<E>(x)), axes, options);
}

}  // namespace unroll
