#pragma once
/// \file The layer of the causal convolution over time.

#include "unroll/autograd/causal_conv1d.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

struct CausalConv1dLayerOptions {
  index_t outputs = 0;  ///< 0: each feature by itself (depthwise); else outputs that each see all features
  bool bias = true;     ///< with b
};

/// A causal convolution, before a recurrent cell or in place of one.
/// What:   causal_conv1d(x, weight, bias).
/// Shapes: x (T, B, I) → (T, B, I), weight (I, K); with outputs O → (T, B, O), weight (O, I, K); bias (I,) or (O,), or
///         empty. In PyTorch's Conv1d(I, I, K, groups = I) the weight is (I, 1, K).
/// Init:   U(−1/√F, 1/√F) for both, as PyTorch does; F = K inputs of an output, or I · K.
/// Errors: ShapeError for sizes below 1; UsageError for a layer that is empty; and as causal_conv1d().
template <class T = float>
class CausalConv1d {
 public:
  using value_type = T;
  using Options = CausalConv1dOptions<T>;  ///< of one call
  Variable<T> weight, bias;

  CausalConv1d() = default;
  CausalConv1d(index_t features, index_t taps, const CausalConv1dLayerOptions& options = {},
               Generator& rng = default_generator());

  /// All steps of x; see CausalConv1dOptions for state, lengths and resets.
  Convolved<T> operator()(const Variable<T>& x, const Options& options = {}) const;
  /// One step of a stream, from initial_state(B) or the state of the step before.
  /// Shapes: x (B, I) → output (B, O), state (K − 1, B, I).
  Convolved<T> step(const Variable<T>& x, const Variable<T>& state) const;
  /// Zeros (K − 1, B, I): nothing was before.
  Variable<T> initial_state(index_t batch) const;

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    v("bias", bias);
  }
};

extern template class CausalConv1d<float>;
extern template class CausalConv1d<double>;

}  // namespace unroll
