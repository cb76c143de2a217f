#pragma once
/// \file The real-gated linear recurrent unit of Griffin: its cell, and the layer `RgLru unit(H, H);`.

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear_recurrence.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/detail/layers/recurrent/sequence_starts.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The state of an RgLruCell.
/// Shapes: h (B, H), started (B, 1).
template <class T>
struct RgLruState {
  Variable<T> h;        ///< the hidden state, which is the output
  Variable<T> started;  ///< 0 before a sequence's first step, 1 after it
  /// Shows both.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("started", started);
  }
};

/// How an RgLruCell is made.
struct RgLruOptions {
  index_t heads = 1;     ///< blocks of the gates' weights
  double r_min = 0.9;    ///< the least decay at which units begin
  double r_max = 0.999;  ///< the largest
};

/// The real-gated linear recurrent unit: an elementwise decay that the input chooses.
/// What:   i, r = σ(W_i x + b_i), σ(W_r x + b_r) with block-diagonal W;  log a = −8 r softplus(Λ);
///         h' = a ⊙ h + √(1 − a²) ⊙ i ⊙ x, the root being 1 at a sequence's first step, whose state is new.
/// Shapes: x and h (B, H), weight_gates (2, heads, H/heads, H/heads): W_i, W_r; bias_gates (2H,), lambda (H,).
/// Init:   Λ so that exp(−softplus(Λ)) is between r_min and r_max, uniform in its square; weights and biases U(−k, k),
///         k = √(heads / H). Weights of the gates are as large as a linear layer's of H / heads inputs.
/// Source: De et al. 2024, "Griffin", equations 1 to 6. The slope of the root is 1/√max(4 (1 − a²), 1e-6), as in its code.
template <class T>
struct RgLruCell {
  using value_type = T;
  using State = RgLruState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_gates, bias_gates, lambda;

  RgLruCell() = default;
  /// Errors: ShapeError for sizes that differ or that the heads do not divide; UsageError for decays out of range.
  RgLruCell(index_t input, index_t hidden, const RgLruOptions& options, Generator& rng = default_generator());
  RgLruCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : RgLruCell(input, hidden, RgLruOptions{}, rng) {}

  index_t input_size() const { return lambda.size(); }
  index_t hidden_size() const { return lambda.size(); }
  /// Zeros: nothing has started.
  State initial_state(index_t batch) const {
    return {Variable<T>({batch, hidden_size()}, T{0}), Variable<T>({batch, 1}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [x_i, x_r] = chunk<2>(Variable<T>(linear(x, weight_gates, bias_gates)));
    const Variable<T> rate = softplus(lambda) * -8.0;
    const Variable<T> log_a = rate * sigmoid(x_r);
    const Variable<T> root =
        where(detail::first_steps(x.shape(), state.started, o), T{1}, root_one_minus_exp(log_a, 1e-6));
    const Variable<T> b = root * sigmoid(x_i) * x, a = exp(log_a);
    auto [h, last] = linear_recurrence(a, b, state.h, o);
    return {h, {std::move(last), detail::after_steps(x.shape(), state.started, o)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_gates", weight_gates);
    v("bias_gates", bias_gates);
    v("lambda", lambda);
  }
};

/// See Recurrent and RgLruCell. `auto [y, state] = unit(x);`
UNROLL_LAYER(RgLru, RgLruCell)

}  // namespace unroll
