#pragma once
/// \file minGRU: its cell, and the layer `MinGru gru(I, H);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/input_weights.hpp"
#include "unroll/layers/linear_cell.hpp"
#include "unroll/layers/positive_candidate.hpp"

namespace unroll {

/// The GRU without what keeps it from being trained in parallel over time: its gates do not see h.
/// What:   z = σ(W_z x + b_z);  h̃ = g(W_h x + b_h);  h' = (1 − z) ⊙ h + z ⊙ h̃; g: see positive_candidate.
/// Shapes: x (B, I), h (B, H), weight (2H, I): W_h, W_z; bias (2H,) or empty.
/// Source: Feng et al. 2024, "Were RNNs All We Needed?"; h is used itself, not its logarithm, and may be negative.
template <class T>
struct MinGruCell : InputWeights<T, 2> {
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "h z";
  using InputWeights<T, 2>::InputWeights;

  // x is projected: W x + b
  [[gnu::noinline]] LinearCoefficients<T> coefficients(const Variable<T>& x) const {
    auto [x_h, x_z] = chunk<2>(x);
    auto [a, b] = fuse(
        [](auto v_h, auto v_z) {
          auto z = sigmoid(v_z);
          return std::tuple(1.0 - z, z * positive_candidate(v_h));
        },
        x_h, x_z);
    return {a, b};
  }
};

/// See Recurrent and MinGruCell. `auto [y, h] = gru(x);`
UNROLL_LAYER(MinGru, MinGruCell)

}  // namespace unroll
