#pragma once
/// \file The layer-normalised GRU: its cell, and the layer `LayerNormGru`.

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/layer_norm.hpp"

namespace unroll {

/// The layer-normalised gated recurrent unit.
/// What:   x_rz, x_n = W_ih x;  h_rz, h_n = W_hh h;
///         r, z = σ(LN(x_rz) + LN(h_rz));
///         n = tanh(LN(x_n) + r ⊙ LN(h_n));  h' = (1 − z) ⊙ n + z ⊙ h.
/// Each LN has its own gain and shift; the shifts stand for the biases.
/// Shapes: x (B, I), h (B, H), weight_ih (3H, I), weight_hh (3H, H), norm_ih_rz and norm_hh_rz over 2H,
///         norm_ih_n and norm_hh_n over H. Without bias the LN have gains alone.
/// Init:   gains 1, shifts 0.
/// Source: Ba, Kiros, Hinton 2016, supplementary material; its z is 1 − z here, as in Gru.
template <class T>
struct LayerNormGruCell : GateWeights<T, 3> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "r z n";
  LayerNorm<T> norm_ih_rz, norm_ih_n, norm_hh_rz, norm_hh_n;

  LayerNormGruCell() = default;
  LayerNormGruCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : GateWeights<T, 3>(input, hidden, false, rng),
        norm_ih_rz(2 * hidden),
        norm_ih_n(hidden),
        norm_hh_rz(2 * hidden),
        norm_hh_n(hidden) {
    if (!bias) norm_ih_rz.bias = norm_ih_n.bias = norm_hh_rz.bias = norm_hh_n.bias = {};
  }

  Variable<T> project(const Variable<T>& x) const {
    const index_t H = this->hidden_size();
    const Variable<T> p = linear(x, this->weight_ih);
    return concat<T>({norm_ih_rz(slice(p, -1, 0, 2 * H)), norm_ih_n(slice(p, -1, 2 * H))}, -1);
  }

  // x is projected: LN(x_rz), LN(x_n)
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    const index_t H = this->hidden_size();
    const Variable<T> u = linear(h, this->weight_hh);
    auto [x_r, x_z, x_n] = chunk<3>(x);
    auto [h_r, h_z] = chunk<2>(norm_hh_rz(slice(u, -1, 0, 2 * H)));
    auto r = sigmoid(x_r + h_r);
    auto z = sigmoid(x_z + h_z);
    auto n = tanh(x_n + r * norm_hh_n(slice(u, -1, 2 * H)));
    return lerp(n, h, z);  // (1 − z) n + z h
  }

  template <class V>
  void visit(V&& v) {
    GateWeights<T, 3>::visit(v);
    v("norm_ih_rz", norm_ih_rz);
    v("norm_ih_n", norm_ih_n);
    v("norm_hh_rz", norm_hh_rz);
    v("norm_hh_n", norm_hh_n);
  }
};

/// See Recurrent and LayerNormGruCell. `auto [y, h] = gru(x);`
UNROLL_LAYER(LayerNormGru, LayerNormGruCell)

}  // namespace unroll
