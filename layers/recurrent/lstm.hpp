#pragma once
/// \file The LSTM: its cell, and the layer `Lstm lstm(I, H, {.num_layers = 2});`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

/// Hidden and cell state.
/// Shapes: h, c (B, H).
template <class T>
struct LstmState {
  Variable<T> h, c;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
  }
};

/// Long short-term memory.
/// What:   i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;
///         c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);
///         h' = σ(o) ⊙ tanh(c').
/// Shapes: x (B, I), h and c (B, H), weight_ih (4H, I), weight_hh (4H, H), biases (4H,) or empty.
/// Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, in PyTorch's order of
///         gates and with its two biases.
template <class T>
struct LstmCell : GateWeights<T, 4> {
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f g o";
  using GateWeights<T, 4>::GateWeights;

  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, this->hidden_size()}, T{0});
    return {zeros, zeros};
  }

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, this->weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }
};

/// See Recurrent and LstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
UNROLL_LAYER(Lstm, LstmCell)

}  // namespace unroll
