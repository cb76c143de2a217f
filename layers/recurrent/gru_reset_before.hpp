#pragma once
/// \file The GRU with the reset gate before the product: its cell, and the layer `GruResetBefore`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The gated recurrent unit, with the reset gate before the product.
/// What:   x_r, x_z, x_n = W_ih x + b_ih;  h_r, h_z = W_hh h;
///         r = σ(x_r + h_r);  z = σ(x_z + h_z);
///         n = tanh(x_n + W_rh (r ⊙ h));  h' = (1 − z) ⊙ n + z ⊙ h.
/// Shapes: x (B, I), h (B, H), weight_ih (3H, I), weight_hh (2H, H), weight_rh (H, H), bias_ih (3H,) or
///         empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Cho et al. 2014, with biases.
template <class T>
struct GruResetBeforeCell {
  using value_type = T;
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "r z n";
  Variable<T> weight_ih, weight_hh, weight_rh, bias_ih;

  GruResetBeforeCell() = default;
  GruResetBeforeCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({3 * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({2 * hidden, hidden}, hidden, rng);
    weight_rh = detail::draw<T>({hidden, hidden}, hidden, rng);
    if (bias) bias_ih = detail::draw<T>({3 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_rh.shape()[0]; }
  State initial_state(index_t batch) const { return State({batch, hidden_size()}, T{0}); }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias_ih); }

  // x is projected: W_ih x + b_ih
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    auto [x_r, x_z, x_n] = chunk<3>(x);
    auto [h_r, h_z] = chunk<2>(linear(h, weight_hh));
    Variable reset = sigmoid(x_r + h_r) * h;
    auto z = sigmoid(x_z + h_z);
    auto n = tanh(x_n + linear(reset, weight_rh));
    return lerp(n, h, z);  // (1 − z) n + z h
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("weight_rh", weight_rh);
    v("bias_ih", bias_ih);
  }
};

/// See Recurrent and GruResetBeforeCell. `auto [y, h] = gru(x);`
UNROLL_LAYER(GruResetBefore, GruResetBeforeCell)

}  // namespace unroll
