#pragma once
/// \file Layer normalisation.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   γ (x − μ) / √(σ² + eps) + β with the mean μ and the biased variance σ² of the last axis.
/// Shapes: x (…, N), gamma (N,), beta (N,); either may be empty: then 1 or 0.
/// Range:  eps ≥ 0.
/// Errors: ShapeError naming the operands; UsageError for eps.
/// Source: Ba, Kiros, Hinton 2016.
template <class T>
Variable<T> layer_norm(const Variable<T>& x, const detail::Same<Variable<T>>& gamma = {},
                       const detail::Same<Variable<T>>& beta = {}, double eps = 1e-5);

/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto layer_norm(E&& x, const detail::Same<V>& gamma = {}, const detail::Same<V>& beta = {},
                double eps = 1e-5) {
  return layer_norm(V(std::forward<E>(x)), gamma, beta, eps);
}

}  // namespace unroll
