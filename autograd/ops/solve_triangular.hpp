#pragma once
/// \file Systems of linear equations whose matrix is triangular.

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

/// How solve_triangular reads its matrix.
struct SolveTriangularOptions {
  bool upper = false;          ///< the triangle that is read: on and above the diagonal, else on and below it
  bool unit_diagonal = false;  ///< take the diagonal for ones, without reading it
  bool transpose = false;      ///< solve with aᵀ
};

/// What:   x with a x = b, or aᵀ x = b, by substitution; the other triangle of a is never read and has gradient 0.
/// Shapes: a (…, N, N), b (…, N, M) with the same leading axes, or a (N, N) for all of b → (…, N, M).
/// Errors: ShapeError naming both; UsageError where the diagonal has a 0.
template <class T>
Variable<T> solve_triangular(const Variable<T>& a, const detail::Same<Variable<T>>& b,
                             const SolveTriangularOptions& options = {});

/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto solve_triangular(E&& a, const detail::Same<V>& b, const SolveTriangularOptions& options = {}) {
  return solve_triangular(V(std::forward<E>(a)), b, options);
}

}  // namespace unroll
