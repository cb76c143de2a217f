#pragma once
/// \file HGRN2: its cell, and the layer `Hgrn2 net(I, H);`.

#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// How an Hgrn2Cell is made.
struct Hgrn2Options {
  index_t heads = 0;  ///< 0: one for each 64 units, or one
  double lower_bound =
      0;  ///< of what is kept at each step, 0 ≤ lower_bound < 1; the paper lets it grow with the layer
};

namespace detail {

/// The recurrence of HGRN2, of q and f before their functions.
/// Shapes: q_hat, f_hat (T, B, heads, d_k), v (T, B, heads, d_v), lower_bound () or (heads, d_k), or empty for 0.
template <class T>
LinearAttention<T> hgrn2_scan(const Variable<T>& q_hat, const Variable<T>& f_hat, const Variable<T>& v,
                              const Variable<T>& lower_bound, const Variable<T>& s,
                              const RecurrenceOptions& o) {
  Variable<T> decay, k = sigmoid(-f_hat);
  if (lower_bound) {
    decay = log(lower_bound + (1.0 - lower_bound) * sigmoid(f_hat));
    k = (1.0 - lower_bound) * k;  // 1 − e^decay without its cancellation
  } else {
    decay = log_sigmoid(f_hat);
  }
  return linear_attention(Variable<T>(silu(q_hat)), k, v,
                          {.decay = decay_with_resets(decay, o.resets),
                           .state = s,
                           .rule = LinearAttentionRule::gated,
                           .lengths = o.lengths});
}

}  // namespace detail

/// The gated linear RNN with state expansion: a matrix per head, of which each key's row is a moving average.
/// What:   q̂, f̂, v = W_in x by heads;  f = lb + (1 − lb) σ(f̂);
///         S' = diag(f) S + (1 − f) vᵀ;  o = S'ᵀ silu(q̂) / √d;  h' = W_out norm(o).
/// Shapes: x (B, I), h (B, H), S (B, heads, d, d) with d = H / heads; weight_in (3H, I): q̂, f̂, v; weight_out (H, H). The norm
///         is by the root of the mean square of all heads together.
/// Init:   as linear layers.
/// Source: Qin et al. 2024, "HGRN2: Gated Linear RNNs with State Expansion"; lb is a number here, which the paper learns for
///         each key.
template <class T>
struct Hgrn2Cell {
  using value_type = T;
  using State = MatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_out;
  RMSNorm<T> norm;

  Hgrn2Cell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H; UsageError for a lower bound out of range.
  Hgrn2Cell(index_t input, index_t hidden, const Hgrn2Options& options, Generator& rng = default_generator())
      : lower_bound_(options.lower_bound) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    heads_ = detail::head_count("hgrn2", hidden, {.heads = options.heads});
    if (!(lower_bound_ >= 0 && lower_bound_ < 1))
      raise<UsageError>("hgrn2: need 0 ≤ lower_bound < 1; got {}", lower_bound_);
    weight_in = detail::draw<T>({3 * hidden, input}, input, rng);
    norm = RMSNorm<T>(hidden, {.eps = 1e-5});
    weight_out = detail::draw<T>({hidden, hidden}, hidden, rng);
  }
  Hgrn2Cell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : Hgrn2Cell(input, hidden, Hgrn2Options{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const { return detail::zero_matrices<T>(batch, hidden_size(), heads_); }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [q, f, v] = chunk<3>(Variable<T>(linear(x, weight_in)));
    const Variable<T> bound = lower_bound_ > 0 ? Variable<T>(static_cast<T>(lower_bound_)) : Variable<T>();
    auto [y, s] = detail::hgrn2_scan(detail::by_heads(q, heads_), detail::by_heads(f, heads_),
                                     detail::by_heads(v, heads_), bound, state.s, o);
    return {linear(norm(detail::without_heads(y)), weight_out), {state.h, std::move(s)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("norm", norm);
    v("weight_out", weight_out);
  }

 private:
  index_t heads_ = 0;
  double lower_bound_ = 0;
};

/// See Recurrent and Hgrn2Cell. `auto [y, state] = net(x);`
UNROLL_LAYER(Hgrn2, Hgrn2Cell)

}  // namespace unroll
