#pragma once
/// \file The coupled oscillatory network: its cell, and the layer `CoRnn rnn(I, H);`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Position and velocity of the oscillators; the position is the output.
/// Shapes: h, z (B, H).
template <class T>
struct CoRnnState {
  Variable<T> h, z;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("z", z);
  }
};

/// How the oscillators move.
struct CoRnnOptions {
  double dt = 0.042;     ///< Δ, the duration of a step
  double gamma = 2.7;    ///< γ, the pull back to 0: the square of the frequency
  double epsilon = 4.7;  ///< ε, the damping
};

/// Damped oscillators that drive each other, with gradients that are bounded over time.
/// What:   z' = z + Δ (tanh(W_ih x + b + W_hh h + W_zh z) − γ h − ε z);
///         h' = h + Δ z'.
/// Shapes: x (B, I), h and z (B, H), weight_ih (H, I), weight_hh and weight_zh (H, H), bias (H,) or empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Rusch and Mishra 2021, equation 3, whose y is h here; the defaults are theirs for sequential MNIST.
template <class T>
struct CoRnnCell {
  using value_type = T;
  using State = CoRnnState<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_ih, weight_hh, weight_zh, bias;
  CoRnnOptions options;  ///< what it was made with

  CoRnnCell() = default;
  CoRnnCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator(),
            const CoRnnOptions& motion = {})
      : options(motion) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({hidden, hidden}, hidden, rng);
    weight_zh = detail::draw<T>({hidden, hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_ih.shape()[0]; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros};
  }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias); }

  // x is projected: W_ih x + b
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    const auto& [dt, gamma, epsilon] = options;
    Variable a = x + (linear(s.h, weight_hh) + linear(s.z, weight_zh));
    Variable z = s.z + dt * (tanh(a) - gamma * s.h - epsilon * s.z);
    Variable h = s.h + dt * z;
    return {h, z};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("weight_zh", weight_zh);
    v("bias", bias);
  }
};

/// See Recurrent and CoRnnCell. `auto [y, state] = rnn(x);` with state.h and state.z.
template <class T = float>
class CoRnn : public Recurrent<CoRnnCell<T>> {
 public:
  CoRnn() = default;
  CoRnn(index_t input, index_t hidden, const RecurrentOptions& options = {},
        Generator& rng = default_generator(), const CoRnnOptions& motion = {})
      : Recurrent<CoRnnCell<T>>(
            input, [&](index_t size) { return CoRnnCell<T>(size, hidden, options.bias, rng, motion); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(CoRnnCell)

}  // namespace unroll
