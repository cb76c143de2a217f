#pragma once
/// \file The parameters of cells whose gates see the input alone: G blocks of H rows.

#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// What:   weight (G·H, I), bias (G·H,), empty without bias; project() is W x + b.
/// Init:   U(−1/√I, 1/√I) for both, as a linear layer's.
template <class T, int G>
struct InputWeights {
  using value_type = T;
  Variable<T> weight, bias;

  InputWeights() = default;
  /// Errors: ShapeError for a size below 1.
  InputWeights(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight = detail::draw<T>({G * hidden, input}, input, rng);
    if (with_bias) bias = detail::draw<T>({G * hidden}, input, rng);
  }

  index_t input_size() const { return weight.shape()[1]; }
  index_t hidden_size() const { return weight.shape()[0] / G; }
  /// Zeros (B, H).
  Variable<T> initial_state(index_t batch) const { return Variable<T>({batch, hidden_size()}, T{0}); }
  /// W x + b for any number of rows of x.
  Variable<T> project(const Variable<T>& x) const { return linear(x, weight, bias); }

  /// Shows weight and bias.
  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    v("bias", bias);
  }
};

}  // namespace unroll
