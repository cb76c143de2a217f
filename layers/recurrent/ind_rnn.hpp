#pragma once
/// \file The independently recurrent network, each unit of which sees itself alone: its cell, and the layer
/// `IndRnn rnn(I, H);`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Units that do not see each other.
/// What:   h' = relu(W_ih x + b + u ⊙ h).
/// A gradient over T steps is multiplied by uᵀ: with |u| ≤ γ^{1/T} by no more than γ.
/// Shapes: x (B, I), h (B, H), weight_ih (H, I), weight_hh (H,), which is u, bias (H,) or empty.
/// Init:   U(−1/√H, 1/√H); u from U(0, 1).
/// Source: Li, Li, Cook, Zhu, Gao 2018.
template <class T>
struct IndRnnCell {
  using value_type = T;
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_ih, weight_hh, bias;

  IndRnnCell() = default;
  IndRnnCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({hidden, input}, hidden, rng);
    weight_hh = Variable<T>::uninitialised({hidden});
    init::uniform(weight_hh, 0, 1, rng).requires_grad(true);
    if (with_bias) bias = detail::draw<T>({hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[0]; }
  State initial_state(index_t batch) const { return State({batch, hidden_size()}, T{0}); }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias); }

  // x is projected: W_ih x + b
  [[gnu::noinline]] State step(const Variable<T>& x, const State& h) const { return relu(x + weight_hh * h); }

  /// Brings u back to |u| ≤ bound, such as γ^{1/T}; for after a step of the optimiser.
  void clip(double bound) {
    weight_hh.update([&](auto& u) {
      for (auto& v : u) v = std::clamp(v, static_cast<T>(-bound), static_cast<T>(bound));
    });
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias", bias);
  }
};

/// See Recurrent and IndRnnCell. `auto [y, h] = rnn(x);`
UNROLL_LAYER(IndRnn, IndRnnCell)

}  // namespace unroll
