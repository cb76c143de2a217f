#pragma once
/// \file Matrix products and transposition.

#include "autograd/variable.hpp"

namespace unroll {

/// What:   a b.
/// Shapes: a (M, K), b (K, N) → (M, N).
/// Errors: ShapeError naming both.
template <class T>
Variable<T> matmul(const Variable<T>& a, const Variable<T>& b);

/// What: aᵀ for a matrix, a copy.
template <class T>
Variable<T> transpose(const Variable<T>& a);

}  // namespace unroll
