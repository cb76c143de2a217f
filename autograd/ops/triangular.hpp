#pragma once
/// \file The lower and the upper triangle of matrices.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   the lower triangle of each matrix, 0 above it: x_ij where j ≤ i + diagonal.
/// Shapes: x (…, R, C), and the result, too.
/// Errors: ShapeError for a rank below 2.
template <class T>
Variable<T> tril(const Variable<T>& x, index_t diagonal = 0);

/// What:   the upper triangle of each matrix, 0 below it: x_ij where j ≥ i + diagonal.
/// Shapes, errors: as tril.
template <class T>
Variable<T> triu(const Variable<T>& x, index_t diagonal = 0);

/// The same for expressions.
template <detail::Lazy E>
auto tril(E&& x, index_t diagonal = 0) {
  return tril(Variable(std::forward<E>(x)), diagonal);
}
/// The same for expressions.
template <detail::Lazy E>
auto triu(E&& x, index_t diagonal = 0) {
  return triu(Variable(std::forward<E>(x)), diagonal);
}

}  // namespace unroll
