#pragma once
/// \file Gated linear attention: its cell, and the layer `Gla net(I, H);`.

#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// Gated linear attention: a matrix per head that forgets at a rate of its own for each key.
/// What:   q, k, v = W_qkv x by heads;  g = log σ(W_g₂ W_g₁ x + b_g) / 16;
///         S' = diag(e^g) S + k vᵀ;  o = S'ᵀ q / √d;  h' = W_o (norm(o) ⊙ silu(W_z x)).
/// Shapes: x (B, I), h (B, H), S (B, heads, d, d) with d = H / heads; weight_in (4H, I): q, k, v, z; weight_decay (R, I) and
///         linear_decay H × R with R = 16; weight_out (H, H). The norm is by the root of the mean square in each head.
/// Source: Yang et al. 2023, "Gated Linear Attention Transformers with Hardware-Efficient Training".
template <class T>
struct GlaCell {
  using value_type = T;
  using State = MatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_decay, weight_out;
  Linear<T> linear_decay;
  RMSNorm<T> norm;

  GlaCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  GlaCell(index_t input, index_t hidden, const MatrixStateOptions& options,
          Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    heads_ = detail::head_count("gla", hidden, options);
    weight_in = detail::draw<T>({4 * hidden, input}, input, rng);
    weight_decay = detail::draw<T>({16, input}, input, rng);
    linear_decay = Linear<T>(16, hidden, {}, rng);
    norm = RMSNorm<T>(hidden / heads_, {.eps = 1e-5});
    weight_out = detail::draw<T>({hidden, hidden}, hidden, rng);
  }
  GlaCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : GlaCell(input, hidden, MatrixStateOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const { return detail::zero_matrices<T>(batch, hidden_size(), heads_); }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [q, k, v, z] = chunk<4>(Variable<T>(linear(x, weight_in)));
    const Variable<T> decay = log_sigmoid(linear_decay(Variable<T>(linear(x, weight_decay)))) / 16.0;
    auto [y, s] = linear_attention(
        detail::by_heads(q, heads_), detail::by_heads(k, heads_), detail::by_heads(v, heads_),
        {.decay = detail::decay_with_resets(detail::by_heads(decay, heads_), o.resets),
         .state = state.s,
         .rule = LinearAttentionRule::gated,
         .lengths = o.lengths});
    const Variable<T> normed = detail::without_heads(norm(y));
    return {linear(Variable<T>(normed * silu(z)), weight_out), {state.h, std::move(s)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("weight_decay", weight_decay);
    v("linear_decay", linear_decay);
    v("norm", norm);
    v("weight_out", weight_out);
  }

 private:
  index_t heads_ = 0;
};

/// See Recurrent and GlaCell. `auto [y, state] = net(x);`
UNROLL_LAYER(Gla, GlaCell)

}  // namespace unroll
