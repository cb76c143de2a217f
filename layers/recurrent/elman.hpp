#pragma once
/// \file The simple recurrent network: the Elman cell, and its layers `Elman rnn(I, H, {.num_layers = 2});`,
/// `Elman rnn(I, H, Relu{});` and `Irnn`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
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

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const {
    const Variable<T> a = x + linear(h, this->weight_hh);
    return activation(a);
  }
};

/// See Recurrent and ElmanCell. `auto [y, h] = rnn(x);`
template <class T = float, Activation<T> F = Tanh>
class Elman : public Recurrent<ElmanCell<T, F>> {
 public:
  Elman() = default;
  Elman(index_t input, index_t hidden, const RecurrentOptions& options = {},
        Generator& rng = default_generator())
      : Elman(input, hidden, F{}, options, rng) {}
  /// With an activation that has parameters, or a lambda.
  template <std::same_as<std::remove_const_t<F>> G>
  Elman(index_t input, index_t hidden, G activation, const RecurrentOptions& options = {},
        Generator& rng = default_generator())
      : Recurrent<ElmanCell<T, F>>(
            input, [&](index_t size) { return ElmanCell<T, F>(size, hidden, options.bias, rng, activation); },
            options, rng) {}
};

template <Activation<float> F>
Elman(index_t, index_t, F, const RecurrentOptions& = {}, Generator& = default_generator()) -> Elman<float, F>;

/// What:   the ReLU network that begins as the identity: W_hh = I, biases 0, W_ih from N(0, 0.001²). It
///         remembers over long times as it is, and gradients neither vanish nor explode at first. For
///         another beginning: `init::identity(irnn.cell(0).weight_hh, {.gain = 0.5});`
/// Source: Le, Jaitly, Hinton 2015.
template <class T = float>
class Irnn : public Elman<T, Relu> {
 public:
  Irnn() = default;
  Irnn(index_t input, index_t hidden, const RecurrentOptions& options = {},
       Generator& rng = default_generator())
      : Elman<T, Relu>(input, hidden, options, rng) {
    for (int k = 0; k < options.num_layers * this->directions(); ++k) {
      auto& cell = this->cell(k / this->directions(), k % this->directions());
      init::identity(cell.weight_hh);
      init::normal(cell.weight_ih, 0, 0.001, rng);
      if (options.bias) init::constant(cell.bias_ih, 0), init::constant(cell.bias_hh, 0);
    }
  }
};

UNROLL_COMPILED_CELL(ElmanCell, Tanh)
UNROLL_COMPILED_CELL(ElmanCell, Relu)

}  // namespace unroll
