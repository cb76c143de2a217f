#pragma once
/// \file The causal convolution over time: each output sees its own and the last few inputs.

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/core/adapt.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

template <class T>
struct CausalConv1dOptions {
  /// (K − 1, B, I): the inputs before the first, the oldest first; empty: zeros.
  Variable<T> state = {};
  /// (B,): the true length of each sequence, 0 … T; empty: all are T.
  Indices lengths = {};
  /// (T, B): not 0 where a new sequence begins at that step; empty: nowhere. From it on nothing before it is seen, which
  /// cuts the gradient. The same as ScanOptions::resets.
  Indices resets = {};
};

/// What a causal convolution returns.
template <class T>
struct Convolved {
  Variable<T> output;  ///< (T, B, O); 0 beyond a sequence's end
  Variable<T> state;   ///< (K − 1, B, I): each sequence's last K − 1 inputs; 0 before its last reset
};

/// What:   y_t = Σ_j w_j x_{t − K + 1 + j} + b, j = 0 … K − 1: the last of the K taps multiplies the input of the same
///         step, as in PyTorch's Conv1d. With a weight (I, K) each feature by itself (depthwise, w_j ⊙ x), with one
///         (O, I, K) all features (W_j x).
/// A sequence given in pieces, each with the state of the one before, has the outputs and gradients of the whole, also
/// where a piece is shorter than K − 1; depthwise to the last bit of the outputs.
/// Shapes: x (T, B, I), weight (I, K) or (O, I, K) with K ≥ 1, bias (I,) or (O,) or empty.
/// Errors: ShapeError naming the operand; IndexError for a length outside 0 … T; UsageError for an empty Variable.
/// Cost:   one node; depthwise up to num_threads() threads share the features.
template <class T>
Convolved<T> causal_conv1d(const Variable<T>& x, const detail::Same<Variable<T>>& weight,
                           const detail::Same<Variable<T>>& bias = {},
                           const detail::Same<CausalConv1dOptions<T>>& options = {});

/// The same for expressions.
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
Convolved<T> causal_conv1d(E&& x, const detail::Same<Variable<T>>& weight,
                           const detail::Same<Variable<T>>& bias = {},
                           const detail::Same<CausalConv1dOptions<T>>& options = {}) {
  return causal_conv1d(Variable<T>(std::forward<E>(x)), weight, bias, options);
}

}  // namespace unroll
