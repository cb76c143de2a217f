#pragma once
/// \file The Jordan network, whose output is fed back in place of its hidden state: its cell, and the layer
/// `Jordan jordan(I, H, O);`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/activations.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The Jordan cell, whose output is fed back.
/// What:   h = φ(W_ih x + b_h + W_oh y);  y' = W_ho h + b_o.
/// Shapes: x (B, I), y (B, O), weight_ih (H, I), weight_oh (H, O), weight_ho (O, H), bias_h (H,) and bias_o
///         (O,) or empty. The state is the output y.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Jordan 1986, without the decay of his state units; Goodfellow, Bengio, Courville 2016, chapter 10.
template <class T, Activation<T> F = Tanh>
struct JordanCell {
  using value_type = T;
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_ih, weight_oh, weight_ho, bias_h, bias_o;
  F activation;  ///< φ

  JordanCell() = default;
  JordanCell(index_t input, index_t hidden, index_t output, bool bias = true,
             Generator& rng = default_generator(), F phi = F{})
      : activation(std::move(phi)) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}, {"output", output}});
    weight_ih = detail::draw<T>({hidden, input}, hidden, rng);
    weight_oh = detail::draw<T>({hidden, output}, hidden, rng);
    weight_ho = detail::draw<T>({output, hidden}, hidden, rng);
    if (!bias) return;
    bias_h = detail::draw<T>({hidden}, hidden, rng);
    bias_o = detail::draw<T>({output}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_ih.shape()[0]; }
  State initial_state(index_t batch) const { return State({batch, weight_ho.shape()[0]}, T{0}); }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias_h); }

  // x is projected: W_ih x + b_h
  [[gnu::noinline]] State step(const Variable<T>& x, const State& y) const {
    const Variable<T> a = x + linear(y, weight_oh);
    const Variable<T> h = activation(a);
    return linear(h, weight_ho, bias_o);
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_oh", weight_oh);
    v("weight_ho", weight_ho);
    v("bias_h", bias_h);
    v("bias_o", bias_o);
  }
};

/// See Recurrent, JordanCell and teacher_forced(). `auto [y, last] = jordan(x);` runs on its own outputs.
template <class T = float, Activation<T> F = Tanh>
class Jordan : public Recurrent<JordanCell<T, F>> {
 public:
  Jordan() = default;
  Jordan(index_t input, index_t hidden, index_t output, const RecurrentOptions& options = {},
         Generator& rng = default_generator(), const F& activation = F{})
      : Recurrent<JordanCell<T, F>>(
            input,
            [&](index_t size) {
              return JordanCell<T, F>(size, hidden, output, options.bias, rng, activation);
            },
            options, rng) {}
};

UNROLL_COMPILED_CELL(JordanCell, Tanh)

}  // namespace unroll
