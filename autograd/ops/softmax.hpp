#pragma once
/// \file softmax and its logarithm.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   eˣ / Σ eˣ along `axis`.
/// Shapes: x, rank 1 to 5 → the same.
/// Range:  finite for any finite x. A slice of −∞ alone gives 0, with gradient 0; +∞ gives NaN.
/// Errors: IndexError for the axis.
/// Cost:   along another axis than the last two more copies.
template <class T>
Variable<T> softmax(const Variable<T>& x, int axis = -1);

/// What:   x − ln Σ eˣ along `axis`.
/// Shapes, range, errors, cost: as softmax; a slice of −∞ alone gives −∞, with gradient 0.
template <class T>
Variable<T> log_softmax(const Variable<T>& x, int axis = -1);

/// The same for expressions.
template <detail::Lazy E>
auto softmax(E&& x, int axis = -1) {
  return softmax(Variable(std::forward<E>(x)), axis);
}
template <detail::Lazy E>
auto log_softmax(E&& x, int axis = -1) {
  return log_softmax(Variable(std::forward<E>(x)), axis);
}

}  // namespace unroll
