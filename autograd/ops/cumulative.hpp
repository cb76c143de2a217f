#pragma once
/// \file Running sums and products along an axis.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// Which elements a running sum or product takes in.
struct CumulativeOptions {
  bool exclusive = false;  ///< only those before its own place, so that the first result is 0 or 1
  bool reverse = false;    ///< from the end of the axis to its beginning
};

/// What:   y_k = x_0 + … + x_k along `axis`.
/// Shapes: that of x.
/// Range:  right to 1e-6 in float for any number of positive terms: the terms are added in double.
/// Errors: IndexError for an axis outside the rank.
template <class T>
Variable<T> cumsum(const Variable<T>& x, int axis, const CumulativeOptions& options = {});

/// What:   y_k = x_0 · … · x_k along `axis`. The gradient divides by nothing: it is right where elements are 0.
/// Shapes, errors: as cumsum.
/// Range:  the products are formed in double.
template <class T>
Variable<T> cumprod(const Variable<T>& x, int axis, const CumulativeOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto cumsum(E&& x, int axis, const CumulativeOptions& options = {}) {
  return cumsum(Variable(std::forward<E>(x)), axis, options);
}
/// The same for expressions.
template <detail::Lazy E>
auto cumprod(E&& x, int axis, const CumulativeOptions& options = {}) {
  return cumprod(Variable(std::forward<E>(x)), axis, options);
}

}  // namespace unroll
