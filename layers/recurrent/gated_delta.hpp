#pragma once
/// \file Gated DeltaNet: its cell, and the layer `GatedDelta net(I, H);`.

#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// The sizes of a GatedDeltaCell.
struct GatedDeltaOptions {
  index_t heads = 0;     ///< 0: as MatrixStateOptions has it
  index_t taps = 4;      ///< K, of the convolution
  bool negative = true;  ///< β up to 2, so that the state can change its sign; else up to 1
  bool gated = true;     ///< with a decay; see DeltaNetCell for the network without it
};

/// A matrix per head that forgets, and replaces what it holds under a key.
/// What:   q, k, v = silu(Conv(W_qkv x)) by heads, q and k of length 1;  β = 2 σ(W_β x);
///         g = −exp(A) softplus(W_g x + b_g);
///         S' = e^g S + β k (v − (e^g S)ᵀ k)ᵀ;  o = S'ᵀ q / √d;
///         h' = W_o (norm(o) ⊙ silu(W_z x)), where the norm is by the root of the mean square in each head.
/// Shapes: x (B, I), h (B, H), S (B, heads, d, d) with d = H / heads; weight_in (3H, I), weight_gates (2 heads, I): β, g;
///         bias_decay and log_rate (heads,), weight_z (H, I), weight_out (H, H).
/// Init:   exp(A) from U(1, 16); b_g so that softplus(b_g) is between 0.001 and 0.1; the others as linear layers.
/// Source: Yang, Kautz, Hatamizadeh 2024, "Gated Delta Networks"; β up to 2 after Grazzi et al. 2024.
template <class T>
struct GatedDeltaCell {
  using value_type = T;
  using State = ConvolvedMatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_gates, bias_decay, log_rate, weight_z, weight_out;
  CausalConv1d<T> convolution;
  RMSNorm<T> norm;

  GatedDeltaCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  GatedDeltaCell(index_t input, index_t hidden, const GatedDeltaOptions& options,
                 Generator& rng = default_generator());
  GatedDeltaCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : GatedDeltaCell(input, hidden, GatedDeltaOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// The number of matrices.
  index_t heads() const { return heads_; }
  /// Zeros.
  State initial_state(index_t batch) const {
    auto [h, s] = detail::zero_matrices<T>(batch, hidden_size(), heads_);
    return {std::move(h), std::move(s),
            Variable<T>({batch, convolution.weight.shape()[1] - 1, 3 * hidden_size()}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [mixed, after] =
        detail::short_convolution(convolution, Variable<T>(linear(x, weight_in)), state.convolution, o);
    auto [q, k, v] = chunk<3>(Variable<T>(silu(mixed)));
    auto [x_beta, x_decay] = chunk<2>(Variable<T>(linear(x, weight_gates)));
    const Variable<T> beta = strength_ * sigmoid(x_beta);
    Variable<T> decay = gated_ ? Variable<T>(-exp(log_rate) * softplus(x_decay + bias_decay))
                               : Variable<T>(x_decay.shape(), T{0});
    auto [y, s] = linear_attention(l2_normalise(detail::by_heads(q, heads_)),
                                   l2_normalise(detail::by_heads(k, heads_)), detail::by_heads(v, heads_),
                                   {.decay = detail::decay_with_resets(decay, o.resets),
                                    .beta = beta,
                                    .state = state.s,
                                    .rule = LinearAttentionRule::gated_delta,
                                    .lengths = o.lengths});
    const Variable<T> normed = detail::without_heads(norm(y));
    const Variable<T> gated = normed * silu(Variable<T>(linear(x, weight_z)));
    return {linear(gated, weight_out), {state.h, std::move(s), std::move(after)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("convolution", convolution);
    v("weight_gates", weight_gates);
    v("bias_decay", bias_decay);
    v("log_rate", log_rate);
    v("norm", norm);
    v("weight_z", weight_z);
    v("weight_out", weight_out);
  }

 private:
  index_t heads_ = 0;
  T strength_ = 2;
  bool gated_ = true;
};

/// See Recurrent and GatedDeltaCell. `auto [y, state] = net(x);`
UNROLL_LAYER(GatedDelta, GatedDeltaCell)

}  // namespace unroll
