#pragma once
/// \file The multiplicative LSTM, whose gates see a product of input and state: its cell, and the layer
/// `MultiplicativeLstm lstm(I, H);`.

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// An LSTM whose transition from state to state depends on the input.
/// What:   m = W_mx x ⊙ W_mh h;
///         i, f, g, o = W_ih x + b + W_m m;
///         c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);
///         h' = σ(o) ⊙ tanh(c').
/// Shapes: x (B, I), h and c (B, H), weight_ih (4H, I), weight_mx (H, I), weight_mh (H, H), weight_m (4H, H), bias (4H,)
///         or empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Krause, Lu, Murray, Renals 2016, equations 15 to 20, with the LSTM's tanh(g) and tanh(c') in its places.
template <class T>
struct MultiplicativeLstmCell {
  using value_type = T;
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f g o";
  Variable<T> weight_ih, weight_mx, weight_mh, weight_m, bias;

  MultiplicativeLstmCell() = default;
  MultiplicativeLstmCell(index_t input, index_t hidden, bool with_bias = true,
                         Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({4 * hidden, input}, hidden, rng);
    weight_mx = detail::draw<T>({hidden, input}, hidden, rng);
    weight_mh = detail::draw<T>({hidden, hidden}, hidden, rng);
    weight_m = detail::draw<T>({4 * hidden, hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({4 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_mh.shape()[0]; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros};
  }

  Variable<T> project(const Variable<T>& x) const {
    return concat<T>({linear(x, weight_ih, bias), linear(x, weight_mx)}, -1);
  }

  // x is projected: W_ih x + b and W_mx x
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    const index_t H = hidden_size();
    Variable m = slice(x, -1, 4 * H) * linear(s.h, weight_mh);
    Variable gates = slice(x, -1, 0, 4 * H) + linear(m, weight_m);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = sigmoid(o) * tanh(c);
    return {h, c};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_mx", weight_mx);
    v("weight_mh", weight_mh);
    v("weight_m", weight_m);
    v("bias", bias);
  }
};

/// See Recurrent and MultiplicativeLstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
UNROLL_LAYER(MultiplicativeLstm, MultiplicativeLstmCell)

}  // namespace unroll
