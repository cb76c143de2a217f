#pragma once
/// \file The layer-normalised LSTM: its cell, and the layer `LayerNormLstm`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// The layer-normalised LSTM.
/// What:   i, f, g, o = LN(W_ih x) + LN(W_hh h);  c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);  h' = σ(o) ⊙ tanh(LN(c')).
/// Each LN has its own gain and shift; the shifts of the first two stand for the biases.
/// Shapes: x (B, I), h and c (B, H), weight_ih (4H, I), weight_hh (4H, H), norm_ih and norm_hh over all 4H,
///         norm_c over H. Without bias the LN have gains alone.
/// Init:   gains 1, shifts 0.
/// Source: Ba, Kiros, Hinton 2016, equations 20 to 22.
template <class T>
struct LayerNormLstmCell : LstmCell<T> {
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  LayerNorm<T> norm_ih, norm_hh, norm_c;

  LayerNormLstmCell() = default;
  LayerNormLstmCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : LstmCell<T>(input, hidden, false, rng), norm_ih(4 * hidden), norm_hh(4 * hidden), norm_c(hidden) {
    if (!bias) norm_ih.bias = norm_hh.bias = norm_c.bias = {};
  }

  Variable<T> project(const Variable<T>& x) const { return norm_ih(linear(x, this->weight_ih)); }

  // x is projected: LN(W_ih x)
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + norm_hh(linear(s.h, this->weight_hh));
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(norm_c(c));
    return {h, c};
  }

  template <class V>
  void visit(V&& v) {
    LstmCell<T>::visit(v);
    v("norm_ih", norm_ih);
    v("norm_hh", norm_hh);
    v("norm_c", norm_c);
  }
};

/// See Recurrent and LayerNormLstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
UNROLL_LAYER(LayerNormLstm, LayerNormLstmCell)

}  // namespace unroll
