#pragma once
/// \file The road from the simple recurrent network to the LSTM, one idea at a time: cells whose state skips from step
/// to step instead of passing through a matrix and a squashing function, and their layers `SkipRnn`, `ForgetGateRnn`,
/// `InputGateRnn`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// A state that is added to.
/// What:   u = tanh(W_ih x + b_ih + W_hh h + b_hh);  h' = h + u. Gradients reach h undiminished,
///         but nothing is ever forgotten.
/// Shapes: x (B, I), h (B, H), weight_ih (H, I), weight_hh (H, H), biases (H,) or empty.
/// Source: the constant error carousel of Hochreiter and Schmidhuber 1997, without gates.
template <class T>
struct SkipCell : GateWeights<T, 1> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  using GateWeights<T, 1>::GateWeights;

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    Variable u = x + linear(h, this->weight_hh);
    return h + tanh(u);
  }
};

/// A state that forgets as it takes in.
/// What:   f, u = W_ih x + b_ih + W_hh h + b_hh;  h' = σ(f) ⊙ h + (1 − σ(f)) ⊙ tanh(u). What is
///         forgotten makes room for what is new: h stays a mean of the tanh(u).
/// Shapes: x (B, I), h (B, H), weight_ih (2H, I), weight_hh (2H, H), biases (2H,) or empty.
/// Source: the forget gate of Gers, Schmidhuber, Cummins 2000, coupled to the input as in Greff et al. 2017.
template <class T>
struct ForgetGateCell : GateWeights<T, 2> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "f u";
  using GateWeights<T, 2>::GateWeights;

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    Variable gates = x + linear(h, this->weight_hh);
    auto [f, u] = chunk<2>(gates);
    return lerp(tanh(u), h, sigmoid(f));  // lerp(a, b, w) = (1 − w) a + w b
  }
};

/// A state with gates for what stays and what comes in.
/// What:   i, f, u = W_ih x + b_ih + W_hh h + b_hh;  h' = σ(f) ⊙ h + σ(i) ⊙ tanh(u). It can keep all and
///         add to it. With a cell apart from what is shown, and a gate on that, it is the LSTM.
/// Shapes: x (B, I), h (B, H), weight_ih (3H, I), weight_hh (3H, H), biases (3H,) or empty.
/// Source: Gers, Schmidhuber, Cummins 2000, without output gate.
template <class T>
struct InputGateCell : GateWeights<T, 3> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f u";
  using GateWeights<T, 3>::GateWeights;

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    Variable gates = x + linear(h, this->weight_hh);
    auto [i, f, u] = chunk<3>(gates);
    return sigmoid(f) * h + sigmoid(i) * tanh(u);
  }
};

/// See Recurrent and SkipCell.
UNROLL_LAYER(SkipRnn, SkipCell)

/// See Recurrent and ForgetGateCell.
UNROLL_LAYER(ForgetGateRnn, ForgetGateCell)

/// See Recurrent and InputGateCell.
UNROLL_LAYER(InputGateRnn, InputGateCell)

}  // namespace unroll
