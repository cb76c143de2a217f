#pragma once
/// \file DeltaNet: its cell, and the layer `DeltaNet net(I, H);`.

#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// The sizes of a DeltaNetCell.
struct DeltaNetOptions {
  index_t heads = 0;      ///< 0: as MatrixStateOptions has it
  index_t taps = 4;       ///< K, of the convolution
  bool negative = false;  ///< β up to 2, so that the state can change its sign; else up to 1
  bool gate = false;      ///< with W_z, by which the output is gated
};

/// A matrix per head that forgets nothing, but replaces what it holds under a key.
/// What:   q, k, v = silu(Conv(W_qkv x)) by heads, q and k of length 1;  β = σ(W_β x);
///         S' = S + β k (v − Sᵀ k)ᵀ;  o = S'ᵀ q / √d;
///         h' = W_o norm(o), where the norm is by the root of the mean square in each head; with a gate
///         h' = W_o (norm(o) ⊙ silu(W_z x)).
/// Shapes: x (B, I), h (B, H), S (B, heads, d, d) with d = H / heads; weight_in (3H, I): q, k, v; weight_beta (heads, I),
///         weight_z (H, I) or empty, weight_out (H, H).
/// Init:   as linear layers.
/// Source: Yang et al. 2024, "Parallelizing Linear Transformers with the Delta Rule over Sequence Length", and its code in
///         flash-linear-attention; the rule is that of Schlag et al. 2021.
template <class T>
struct DeltaNetCell {
  using value_type = T;
  using State = ConvolvedMatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_beta, weight_z, weight_out;
  CausalConv1d<T> convolution;
  RMSNorm<T> norm;

  DeltaNetCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  DeltaNetCell(index_t input, index_t hidden, const DeltaNetOptions& options,
               Generator& rng = default_generator());
  DeltaNetCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : DeltaNetCell(input, hidden, DeltaNetOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// The number of matrices.
  index_t heads() const { return weight_beta.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const {
    auto [h, s] = detail::zero_matrices<T>(batch, hidden_size(), heads());
    return {std::move(h), std::move(s),
            Variable<T>({batch, convolution.weight.shape()[1] - 1, 3 * hidden_size()}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [mixed, after] =
        detail::short_convolution(convolution, Variable<T>(linear(x, weight_in)), state.convolution, o);
    auto [q, k, v] = chunk<3>(Variable<T>(silu(mixed)));
    const Variable<T> beta = strength_ * sigmoid(Variable<T>(linear(x, weight_beta)));
    LinearAttentionOptions<T> options{
        .beta = beta, .state = state.s, .rule = LinearAttentionRule::delta, .lengths = o.lengths};
    if (o.resets.size() > 0) {  // a decay of 1, and of 0 where a sequence begins
      options.decay = detail::decay_with_resets(Variable<T>(beta.shape(), T{0}), o.resets);
      options.rule = LinearAttentionRule::gated_delta;
    }
    auto [y, s] =
        linear_attention(l2_normalise(detail::by_heads(q, heads())),
                         l2_normalise(detail::by_heads(k, heads())), detail::by_heads(v, heads()), options);
    Variable<T> read = detail::without_heads(norm(y));
    if (weight_z) read = read * silu(Variable<T>(linear(x, weight_z)));
    return {linear(read, weight_out), {state.h, std::move(s), std::move(after)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("convolution", convolution);
    v("weight_beta", weight_beta);
    v("norm", norm);
    v("weight_z", weight_z);
    v("weight_out", weight_out);
  }

 private:
  T strength_ = 1;
};

/// See Recurrent and DeltaNetCell. `auto [y, state] = net(x);`
UNROLL_LAYER(DeltaNet, DeltaNetCell)

}  // namespace unroll
