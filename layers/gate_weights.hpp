#pragma once
/// \file The parameters that Elman, LSTM and GRU cells share: G blocks of H rows for input and hidden state.

#include <cmath>
#include <string_view>

#include "autograd/functions.hpp"
#include "layers/default_generator.hpp"

namespace unroll {

/// What:   weight_ih (G·H, I), weight_hh (G·H, H), bias_ih and bias_hh (G·H,), the biases empty without bias.
/// Init:   U(−1/√H, 1/√H) for all of them, as PyTorch does.
template <class T, int G>
struct GateWeights {
  using value_type = T;
  static constexpr int gates = G;
  Variable<T> weight_ih, weight_hh, bias_ih, bias_hh;

  GateWeights() = default;
  GateWeights(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator()) {
    if (input < 1 || hidden < 1)
      fail<ShapeError>("cell: need input ≥ 1 and hidden ≥ 1; got {} and {}", input, hidden);
    const double bound = 1 / std::sqrt(static_cast<double>(hidden));
    const auto draw = [&](const Shape& shape) {
      auto p = Variable<T>::uninitialised(shape);
      for (index_t i = 0; i < p.size(); ++i) p.data()[i] = static_cast<T>(rng.uniform(-bound, bound));
      return p.requires_grad(true);
    };
    weight_ih = draw({G * hidden, input});
    weight_hh = draw({G * hidden, hidden});
    if (bias) bias_ih = draw({G * hidden}), bias_hh = draw({G * hidden});
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[1]; }

  /// W_ih x + b_ih + b_hh for any number of rows of x.
  Variable<T> project(const Variable<T>& x) const {
    return bias_ih ? linear(x, weight_ih, bias_ih + bias_hh) : linear(x, weight_ih);
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias_ih", bias_ih);
    v("bias_hh", bias_hh);
  }
};

}  // namespace unroll
