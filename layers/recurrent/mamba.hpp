#pragma once
/// \file Mamba: its cell, and the layer `Mamba net(I, H);`.

#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/selective_scan.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/detail/layers/recurrent/short_convolution.hpp"
#include "unroll/layers/linear_layer.hpp"

namespace unroll {

/// The sizes inside a MambaCell.
struct MambaOptions {
  index_t states = 16;  ///< N, for each channel
  index_t expand = 2;   ///< D = expand · H channels
  index_t taps = 4;     ///< K, of the convolution
};

/// The state of a MambaCell.
/// Shapes: h (B, H), convolution (B, K − 1, D), s (B, D, N).
template <class T>
struct MambaState {
  Variable<T> h;            ///< the output
  Variable<T> convolution;  ///< the last inputs of the convolution
  Variable<T> s;            ///< the state space model's state
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("convolution", convolution);
    v("s", s);
  }
};

/// Mamba's mixer: a state space model whose step size, input and output maps are chosen by the input.
/// What:   u, z = W_in x;  u = silu(Conv(u));  δ̂, B, C = W_s u;  δ = softplus(W_δ δ̂ + b_δ);
///         s' = exp(δ A) ⊙ s + (δ u) Bᵀ;  y = s' C + D ⊙ u;  h' = W_out (y ⊙ silu(z)); A = −exp(A_log).
/// Shapes: x (B, I), h (B, H), u and z (B, D) with D = expand · H, δ̂ (B, R) with R = ⌈H/16⌉, B and C (B, N), s (B, D, N);
///         weight_in (2D, I), weight_select (R + 2N, D), linear_delta D × R, log_a (D, N), skip (D,), weight_out (H, D).
/// Init:   A = −1, …, −N in each channel, D = 1; b_δ so that softplus(b_δ) is between 0.001 and 0.1, uniform in its
///         logarithm; W_δ from U(−1/√R, 1/√R); the others as linear layers.
/// Source: Gu and Dao 2023, "Mamba: Linear-Time Sequence Modeling with Selective State Spaces", and its code.
template <class T>
struct MambaCell {
  using value_type = T;
  using State = MambaState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_select, weight_out, log_a, skip;
  Linear<T> linear_delta;
  CausalConv1d<T> convolution;

  MambaCell() = default;
  /// Errors: ShapeError for a size below 1.
  MambaCell(index_t input, index_t hidden, const MambaOptions& options, Generator& rng = default_generator());
  MambaCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : MambaCell(input, hidden, MambaOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const {
    const index_t channels = log_a.shape()[0], taps = convolution.weight.shape()[1];
    return {Variable<T>({batch, hidden_size()}, T{0}), Variable<T>({batch, taps - 1, channels}, T{0}),
            Variable<T>({batch, channels, log_a.shape()[1]}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [wide, z] = chunk<2>(Variable<T>(linear(x, weight_in)));
    auto [convolved, after] = detail::short_convolution(convolution, wide, state.convolution, o);
    const Variable<T> u = silu(convolved);
    const index_t n = log_a.shape()[1], rank = linear_delta.weight.shape()[1];
    const std::vector<Variable<T>> selected = split(Variable<T>(linear(u, weight_select)), {rank, n, n}, -1);
    const Variable<T> delta = softplus(linear_delta(selected[0])), a = -exp(log_a);
    auto [y, s] = selective_scan(u, delta, a, selected[1], selected[2],
                                 {.state = state.s, .lengths = o.lengths, .resets = o.resets});
    const Variable<T> gated = (y + skip * u) * silu(z);
    return {linear(gated, weight_out), {state.h, std::move(after), std::move(s)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("convolution", convolution);
    v("weight_select", weight_select);
    v("linear_delta", linear_delta);
    v("log_a", log_a);
    v("skip", skip);
    v("weight_out", weight_out);
  }
};

/// See Recurrent and MambaCell. `auto [y, state] = net(x);`
UNROLL_LAYER(Mamba, MambaCell)

}  // namespace unroll
