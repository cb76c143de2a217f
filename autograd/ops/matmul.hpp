#pragma once
/// \file Matrix products.

#include "unroll/autograd/permute.hpp"

namespace unroll {

/// What:   a b for each pair of matrices; leading axes broadcast as in NumPy.
/// Shapes: a (A…, M, K), b (B…, K, N) → (broadcast of A and B…, M, N); rank 2 to 5.
/// Errors: ShapeError naming both.
/// Cost:   a batch times one matrix is one product.
template <class T>
Variable<T> matmul(const Variable<T>& a, const Variable<T>& b);

/// The same for expressions.
template <class A, class B>
requires(detail::Lazy<A> || detail::Lazy<B>) auto matmul(A&& a, B&& b) {
  return matmul(Variable(std::forward<A>(a)), Variable(std::forward<B>(b)));
}

}  // namespace unroll
