#pragma once
/// \file The quasi-recurrent network, whose gates see the last two inputs and not the state: its cell, and the layer
/// `Qrnn qrnn(I, H);`.

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Hidden and cell state, and what the input of the step before adds to the gates.
/// Shapes: h, c (B, H), past (B, 3H).
template <class T>
struct QrnnState {
  Variable<T> h, c, past;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
    v("past", past);
  }
};

/// A quasi-recurrent cell with a window of two inputs.
/// What:   z, f, o = W_0 x_t + W_1 x_{t − 1} + b;
///         c' = (1 − σ(f)) ⊙ c + σ(f) ⊙ tanh(z);
///         h' = σ(o) ⊙ c'.
/// The gate f weighs the new value, as in Salesforce's code; in the paper it weighs the old one. All products are made
/// before the loop: the state carries W_1 x to the next step.
/// Shapes: x (B, I), h and c (B, H), weight_0 and weight_1 (3H, I), bias (3H,) or empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Bradbury, Merity, Xiong, Socher 2016, with fo-pooling.
template <class T>
struct QrnnCell {
  using value_type = T;
  using State = QrnnState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "z f o";
  Variable<T> weight_0, weight_1, bias;

  QrnnCell() = default;
  QrnnCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_0 = detail::draw<T>({3 * hidden, input}, hidden, rng);
    weight_1 = detail::draw<T>({3 * hidden, input}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({3 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_0.shape()[1]; }
  index_t hidden_size() const { return weight_0.shape()[0] / 3; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros, Variable<T>({batch, 3 * hidden_size()}, T{0})};
  }

  Variable<T> project(const Variable<T>& x) const {
    return concat<T>({linear(x, weight_0, bias), linear(x, weight_1)}, -1);
  }

  // x is projected: W_0 x + b and W_1 x
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    auto [now, next] = chunk<2>(x);
    Variable gates = now + s.past;
    auto [z, f, o] = chunk<3>(gates);
    Variable c = lerp(s.c, tanh(z), sigmoid(f));  // (1 − σ(f)) c + σ(f) tanh(z)
    Variable h = sigmoid(o) * c;
    return {h, c, next};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_0", weight_0);
    v("weight_1", weight_1);
    v("bias", bias);
  }
};

/// See Recurrent and QrnnCell. `auto [y, state] = qrnn(x);` with state.h, state.c and state.past.
UNROLL_LAYER(Qrnn, QrnnCell)

}  // namespace unroll
