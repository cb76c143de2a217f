#pragma once
/// \file The GRU with the reset gate after the product: its cell, and the layer `Gru gru(I, H, {.num_layers = 2});`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The gated recurrent unit, with the reset gate after the product.
/// What:   x_r, x_z, x_n = W_ih x + b_ih;  h_r, h_z, h_n = W_hh h + b_hh;
///         r = σ(x_r + h_r);  z = σ(x_z + h_z);
///         n = tanh(x_n + r ⊙ h_n);  h' = (1 − z) ⊙ n + z ⊙ h.
/// Shapes: x (B, I), h (B, H), weight_ih (3H, I), weight_hh (3H, H), biases (3H,) or empty.
/// Source: Cho et al. 2014 with the reset after the product, in PyTorch's and cuDNN's order of gates.
template <class T>
struct GruCell : GateWeights<T, 3> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "r z n";
  using GateWeights<T, 3>::GateWeights;

  Variable<T> project(const Variable<T>& x) const { return linear(x, this->weight_ih, this->bias_ih); }

  // x is projected: W_ih x + b_ih
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    auto [x_r, x_z, x_n] = chunk<3>(x);
    auto [h_r, h_z, h_n] = chunk<3>(linear(h, this->weight_hh, this->bias_hh));
    auto r = sigmoid(x_r + h_r);
    auto z = sigmoid(x_z + h_z);
    auto n = tanh(x_n + r * h_n);
    return lerp(n, h, z);  // (1 − z) n + z h
  }
};

/// See Recurrent and GruCell. `auto [y, h] = gru(x);`
UNROLL_LAYER(Gru, GruCell)

}  // namespace unroll
