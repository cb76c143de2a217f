#pragma once
/// \file Matrix products.

#include "unroll/autograd/permute.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

/// What:   a b for each pair of matrices; leading axes broadcast as in NumPy.
/// Shapes: a (A…, M, K), b (B…, K, N) → (broadcast of A and B…, M, N); rank 2 to 5.
/// Errors: ShapeError naming both.
/// Cost:   a batch times one matrix is one product.
template <class T>
Variable<T> matmul(const Variable<T>& a, const detail::Same<Variable<T>>& b);

/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto matmul(E&& a, const detail::Same<V>& b) {
  return matmul(V(std::forward<E>(a)), b);
}
/// Refuses to mix float and double.
template <class A, class B>
requires detail::Mixed<A, B>
auto matmul(const A& a, const B&) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
