#pragma once
/// \file The LSTM cell.

#include "autograd/functions.hpp"
#include "autograd/views.hpp"
#include "layers/state.hpp"

namespace unroll {

/// Hidden and cell state. Shapes: h, c (B, H).
template <class T>
struct LstmState {
  Variable<T> h, c;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
  }
};

/// What:   i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);  h' = σ(o) ⊙ tanh(c').
/// Shapes: x (B, I), h and c (B, H), weight_ih (4H, I), weight_hh (4H, H), biases (4H,) or empty.
/// Source: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000, in PyTorch's order of
///         gates and with its two biases.
template <class T>
struct LstmCell {
  using value_type = T;
  using State = LstmState<T>;
  static constexpr index_t gates = 4;
  Variable<T> weight_ih, weight_hh, bias_ih, bias_hh;

  Variable<T> project(const Variable<T>& x) const {
    return bias_ih ? linear(x, weight_ih, bias_ih + bias_hh) : linear(x, weight_ih);
  }

  State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }
};

}  // namespace unroll
