#pragma once
/// \file The Elman cell, the simple recurrent network.

#include "unroll/layers/activations.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The simple recurrent cell.
/// What:   h' = φ(W_ih x + b_ih + W_hh h + b_hh).
/// Shapes: x (B, I), h (B, H), weight_ih (H, I), weight_hh (H, H), biases (H,) or empty.
/// Source: Elman 1990; with tanh or relu PyTorch's nn.RNN.
template <class T, Activation<T> F = Tanh>
struct ElmanCell : GateWeights<T, 1> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  F activation;  ///< φ

  ElmanCell() = default;
  ElmanCell(index_t input, index_t hidden, bool bias = true,
            Generator& rng = default_generator()) requires std::constructible_from<F>
      : ElmanCell(input, hidden, bias, rng, F{}) {}
  ElmanCell(index_t input, index_t hidden, bool bias, Generator& rng, F phi)
      : GateWeights<T, 1>(input, hidden, bias, rng), activation(std::move(phi)) {}

  State step(const Variable<T>& x, const State& h) const {  // x is projected: W_ih x + b_ih + b_hh
    const Variable<T> a = x + linear(h, this->weight_hh);
    return activation(a);
  }
};

extern template struct ElmanCell<float, Tanh>;
extern template struct ElmanCell<float, Relu>;
extern template struct ElmanCell<double, Tanh>;
extern template struct ElmanCell<double, Relu>;

}  // namespace unroll
