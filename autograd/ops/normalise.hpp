#pragma once
/// \file Normalisation of rows: layer_norm, group_norm, rms_norm.

#include <optional>

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

/// What:   layer_norm of each of `groups` equal parts of the last axis by itself, then γ and β.
/// Shapes: x (…, C), gamma (C,), beta (C,); either may be empty: then 1 or 0.
/// Range:  eps ≥ 0; groups divides C.
/// Errors: ShapeError naming the operands, or C and the groups; UsageError for eps.
/// Source: Wu, He 2018, for one position: each row of x is normalised by itself.
template <class T>
Variable<T> group_norm(const Variable<T>& x, index_t groups, const detail::Same<Variable<T>>& gamma = {},
                       const detail::Same<Variable<T>>& beta = {}, double eps = 1e-5);

/// What:   γ x / √(mean x² + eps), with the mean of the last axis.
/// Shapes: x (…, N), gamma (N,) or empty: then 1.
/// Range:  eps ≥ 0; where it is not given, the distance of 1 and the next T, as in PyTorch.
/// Errors: ShapeError naming the operands; UsageError for eps.
/// Source: Zhang, Sennrich 2019.
template <class T>
Variable<T> rms_norm(const Variable<T>& x, const detail::Same<Variable<T>>& gamma = {},
                     std::optional<double> eps = {});

/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto layer_norm(E&& x, const detail::Same<V>& gamma = {}, const detail::Same<V>& beta = {},
                double eps = 1e-5) {
  return layer_norm(V(std::forward<E>(x)), gamma, beta, eps);
}
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto group_norm(E&& x, index_t groups, const detail::Same<V>& gamma = {}, const detail::Same<V>& beta = {},
                double eps = 1e-5) {
  return group_norm(V(std::forward<E>(x)), groups, gamma, beta, eps);
}
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto rms_norm(E&& x, const detail::Same<V>& gamma = {}, std::optional<double> eps = {}) {
  return rms_norm(V(std::forward<E>(x)), gamma, eps);
}

}  // namespace unroll
