#pragma once
/// \file minLSTM: its cell, and the layer `MinLstm lstm(I, H);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/input_weights.hpp"
#include "unroll/layers/linear_cell.hpp"
#include "unroll/layers/positive_candidate.hpp"

namespace unroll {

/// The LSTM without what keeps it from being trained in parallel over time: its gates do not see h, and share out 1.
/// What:   f, i = σ(W_f x + b_f), σ(W_i x + b_i), both divided by f + i;
///         h' = f ⊙ h + i ⊙ g(W_h x + b_h); g: see positive_candidate.
/// Shapes: x (B, I), h (B, H), weight (3H, I): W_h, W_f, W_i; bias (3H,) or empty.
/// Source: Feng et al. 2024, "Were RNNs All We Needed?"; h is used itself, not its logarithm, and may be negative.
template <class T>
struct MinLstmCell : InputWeights<T, 3> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "h f i";
  using InputWeights<T, 3>::InputWeights;

  // x is projected: W x + b
  [[gnu::noinline]] LinearCoefficients<T> coefficients(const Variable<T>& x) const {
    auto [x_h, x_f, x_i] = chunk<3>(x);
    auto [a, b] = fuse(
        [](auto v_h, auto v_f, auto v_i) {
          auto f = sigmoid(v_f);
          auto i = sigmoid(v_i);
          return std::tuple(f / (f + i), i / (f + i) * positive_candidate(v_h));
        },
        x_h, x_f, x_i);
    return {a, b};
  }
};

/// See Recurrent and MinLstmCell. `auto [y, h] = lstm(x);`
UNROLL_LAYER(MinLstm, MinLstmCell)

}  // namespace unroll
