#pragma once
/// \file Kimi Delta Attention: its cell, and the layer `Kda net(I, H);`.

#include "unroll/autograd/axis_views.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// The sizes of a KdaCell.
struct KdaOptions {
  index_t heads = 0;  ///< of queries and keys; 0: one for each 64 units, or one
  index_t value_heads =
      0;                  ///< a multiple of the heads: as many in a row share queries and keys; 0: the heads
  index_t rank = 0;       ///< R, of the weights of decay and gate; 0: 16 (the authors' code has d)
  index_t taps = 4;       ///< K, of the convolution
  bool negative = false;  ///< β up to 2, so that the state can change its sign; else up to 1
};

/// Kimi Delta Attention: a matrix per head that forgets at a rate of its own for each key, and replaces what it holds under
/// a key.
/// What:   q, k, v = silu(Conv(W_in x)) by heads, q and k of length 1;  r_g, r_z, β̂ = W_gates x;  β = σ(β̂);
///         g = −exp(A) softplus(W_g r_g + b_g);
///         S' = D S + β k (v − (D S)ᵀ k)ᵀ with D = diag(e^g);  o = S'ᵀ q / √d;
///         h' = W_out (norm(o) ⊙ σ(W_z r_z + b_z)), where the norm is by the root of the mean square in each head.
/// Shapes: x (B, I), h (B, H), S (B, value heads, d, d) with d = H / heads, D_v = value heads · d; weight_in (2H + D_v, I):
///         q, k, v; weight_gates (2R + value heads, I), linear_decay and linear_gate R × D_v, log_rate (value heads,),
///         weight_out (H, D_v).
/// Init:   exp(A) from U(1, 16); b_g so that softplus(b_g) is between 0.001 and 0.1, uniform in its logarithm; the others as
///         linear layers.
/// Source: Kimi Team 2025, "Kimi Linear: An Expressive, Efficient Attention Architecture", and its code in
///         flash-linear-attention.
template <class T>
struct KdaCell {
  using value_type = T;
  using State = ConvolvedMatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_gates, log_rate, weight_out;
  CausalConv1d<T> convolution;
  Linear<T> linear_decay, linear_gate;
  RMSNorm<T> norm;

  KdaCell() = default;
  /// Errors: ShapeError for a size below 1, heads that do not divide H, and value heads that are not a multiple of them.
  KdaCell(index_t input, index_t hidden, const KdaOptions& options, Generator& rng = default_generator());
  KdaCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : KdaCell(input, hidden, KdaOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// The number of matrices.
  index_t value_heads() const { return log_rate.size(); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const index_t d = hidden_size() / heads_;
    const Shape& kernel = convolution.weight.shape();
    return {Variable<T>({batch, hidden_size()}, T{0}), Variable<T>({batch, value_heads(), d, d}, T{0}),
            Variable<T>({batch, kernel[1] - 1, kernel[0]}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    const index_t units = hidden_size(), heads = value_heads(), rank = linear_decay.weight.shape()[1];
    auto [mixed, after] =
        detail::short_convolution(convolution, Variable<T>(linear(x, weight_in)), state.convolution, o);
    auto in = split(Variable<T>(silu(mixed)), {units, units, weight_out.shape()[1]}, -1);
    auto low = split(Variable<T>(linear(x, weight_gates)), {rank, rank, heads}, -1);
    const Variable<T> rate = softplus(detail::by_heads(linear_decay(low[0]), heads));
    const Variable<T> decay = -exp(reshape(log_rate, Shape{heads, 1})) * rate;
    const Variable<T> beta = strength_ * sigmoid(low[2]);
    const auto unit_length = [&](const Variable<T>& of) {
      return detail::repeat_heads(l2_normalise(detail::by_heads(of, heads_)), heads / heads_);
    };
    auto [y, s] = linear_attention(unit_length(in[0]), unit_length(in[1]), detail::by_heads(in[2], heads),
                                   {.decay = detail::decay_with_resets(decay, o.resets),
                                    .beta = beta,
                                    .state = state.s,
                                    .rule = LinearAttentionRule::gated_delta,
                                    .lengths = o.lengths});
    const Variable<T> normed = detail::without_heads(norm(y)), gated = normed * sigmoid(linear_gate(low[1]));
    return {linear(gated, weight_out), {state.h, std::move(s), std::move(after)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("convolution", convolution);
    v("weight_gates", weight_gates);
    v("linear_decay", linear_decay);
    v("log_rate", log_rate);
    v("norm", norm);
    v("linear_gate", linear_gate);
    v("weight_out", weight_out);
  }

 private:
  index_t heads_ = 0;
  T strength_ = 1;
};

/// See Recurrent and KdaCell. `auto [y, state] = net(x);`
UNROLL_LAYER(Kda, KdaCell)

}  // namespace unroll
