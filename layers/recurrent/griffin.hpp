#pragma once
/// \file Griffin's recurrent block: its cell, and the layer `Griffin net(H, H);`.

#include "unroll/detail/layers/recurrent/short_convolution.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/rg_lru.hpp"

namespace unroll {

/// The state of a GriffinCell.
/// Shapes: h (B, H), convolution (B, K − 1, H), unit (B, H), started (B, 1).
template <class T>
struct GriffinState {
  Variable<T> h;            ///< the output
  Variable<T> convolution;  ///< the last inputs of the convolution
  RgLruState<T> unit;       ///< what the RG-LRU carries
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("convolution", convolution);
    v("unit", unit.h);
    v("started", unit.started);
  }
};

/// The mixer of Griffin and Hawk; in a ResidualCell it is one of their blocks.
/// What:   h' = W_o (gelu_tanh(W_y x + b_y) ⊙ RgLru(Conv(W_x x + b_x))) + b_o; see RgLruCell. The convolution is depthwise, over 4
///         steps.
/// Shapes: x (B, I), h (B, H), linear_in (2H, I): W_x, W_y; linear_out (H, H).
/// Source: De et al. 2024, "Griffin", section 2.4; gelu by its tanh formula, as in its code.
template <class T>
struct GriffinCell {
  using value_type = T;
  using State = GriffinState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Linear<T> linear_in, linear_out;
  CausalConv1d<T> convolution;
  RgLruCell<T> unit;

  GriffinCell() = default;
  /// Errors: as RgLruCell.
  GriffinCell(index_t input, index_t hidden, const RgLruOptions& options,
              Generator& rng = default_generator())
      : linear_in(input, 2 * hidden, {}, rng),
        linear_out(hidden, hidden, {}, rng),
        convolution(hidden, 4, {}, rng),
        unit(hidden, hidden, options, rng) {}
  GriffinCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : GriffinCell(input, hidden, RgLruOptions{}, rng) {}

  index_t input_size() const { return linear_in.weight.shape()[1]; }
  index_t hidden_size() const { return unit.hidden_size(); }
  /// Zeros.
  State initial_state(index_t batch) const {
    return {Variable<T>({batch, hidden_size()}, T{0}), Variable<T>({batch, 3, hidden_size()}, T{0}),
            unit.initial_state(batch)};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [u, y] = chunk<2>(linear_in(x));
    auto [v, after] = detail::short_convolution(convolution, u, state.convolution, o);
    auto [h, last] = unit.sequence(v, state.unit, o);
    return {linear_out(Variable<T>(gelu_tanh(y) * h)), {state.h, std::move(after), std::move(last)}};
  }

  template <class V>
  void visit(V&& v) {
    v("linear_in", linear_in);
    v("convolution", convolution);
    v("unit", unit);
    v("linear_out", linear_out);
  }
};

/// See Recurrent and GriffinCell. `auto [y, state] = net(x);`
UNROLL_LAYER(Griffin, GriffinCell)

}  // namespace unroll
