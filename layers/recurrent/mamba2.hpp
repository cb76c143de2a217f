#pragma once
/// \file Mamba-2: its cell, and the layer `Mamba2 net(I, H);`.

#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// The sizes inside a Mamba2Cell.
struct Mamba2Options {
  index_t states = 64;  ///< N, the rows of a head's matrix
  index_t expand = 2;   ///< D = expand · H channels
  index_t heads = 0;    ///< of P = D / heads channels; 0: as MatrixStateOptions has it for D
  index_t groups = 1;   ///< heads / groups heads in a row share B and C, and their channels a norm
  index_t taps = 4;     ///< K, of the convolution
};

namespace detail {

/// The recurrence of Mamba-2: S' = e^(δ a) S + B (δ x)ᵀ, y = S'ᵀ C + skip x.
/// Shapes: x (T, B, heads, P), delta (T, B, heads), a and skip (heads,), b and c (T, B, groups, N), s (B, heads, N, P);
///         skip may be empty.
template <class T>
Scanned<T, Variable<T>> mamba2_scan(const Variable<T>& x, const Variable<T>& delta, const Variable<T>& a,
                                    const Variable<T>& b, const Variable<T>& c, const Variable<T>& skip,
                                    const Variable<T>& s, const RecurrenceOptions& o) {
  const Shape& shape = x.shape();
  const index_t heads = shape[2], sharing = heads / b.shape()[2];
  const Variable<T> decay = delta * a, written = x * reshape(delta, shape.with(3, 1));
  auto [y, last] = linear_attention(repeat_heads(c, sharing), repeat_heads(b, sharing), written,
                                    {.decay = decay_with_resets(decay, o.resets),
                                     .scale = 1.0,
                                     .state = s,
                                     .rule = LinearAttentionRule::gated,
                                     .lengths = o.lengths});
  if (skip) y = y + reshape(skip, Shape{heads, 1}) * x;
  return {std::move(y), std::move(last)};
}

}  // namespace detail

/// Mamba-2's mixer: a state space model with a matrix per head, which forgets at one rate that the input chooses.
/// What:   z, u, δ̂ = W_in x;  x, B, C = silu(Conv(u));  δ = softplus(δ̂ + b_δ);
///         S' = e^(δ A) S + B (δ x)ᵀ;  y = S'ᵀ C + skip x, by heads, with A = −exp(A_log), a number per head;
///         h' = W_out norm(y ⊙ silu(z)), where the norm is by the root of the mean square in each group.
/// Shapes: x (B, I), h (B, H), z and x (B, D) with D = expand · H, B and C (B, groups, N), δ (B, heads), S (B, heads, N, P)
///         with P = D / heads; weight_in (2D + 2 groups N + heads, I): z, x, B, C, δ̂; convolution of D + 2 groups N numbers;
///         log_a, bias_delta and skip (heads,), weight_norm (D,), weight_out (H, D).
/// Init:   −A from U(1, 16); b_δ so that softplus(b_δ) is between 0.001 and 0.1, uniform in its logarithm; skip and
///         weight_norm 1; the others as linear layers.
/// Source: Dao and Gu 2024, "Transformers are SSMs", and its code.
template <class T>
struct Mamba2Cell {
  using value_type = T;
  using State = ConvolvedMatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, bias_delta, log_a, skip, weight_norm, weight_out;
  CausalConv1d<T> convolution;

  Mamba2Cell() = default;
  /// Errors: ShapeError for a size below 1, heads that do not divide D, and groups that do not divide the heads.
  Mamba2Cell(index_t input, index_t hidden, const Mamba2Options& options,
             Generator& rng = default_generator());
  Mamba2Cell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : Mamba2Cell(input, hidden, Mamba2Options{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// The number of matrices.
  index_t heads() const { return log_a.size(); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const Shape& kernel = convolution.weight.shape();
    const index_t channels = weight_norm.size();
    return {Variable<T>({batch, hidden_size()}, T{0}),
            Variable<T>({batch, heads(), states_, channels / heads()}, T{0}),
            Variable<T>({batch, kernel[1] - 1, kernel[0]}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    const index_t channels = weight_norm.size(), maps = groups_ * states_;
    auto in = split(Variable<T>(linear(x, weight_in)), {channels, channels + 2 * maps, heads()}, -1);
    auto [mixed, after] = detail::short_convolution(convolution, in[1], state.convolution, o);
    auto selected = split(Variable<T>(silu(mixed)), {channels, maps, maps}, -1);
    const Variable<T> delta = softplus(in[2] + bias_delta), a = -exp(log_a);
    auto [y, s] = detail::mamba2_scan(detail::by_heads(selected[0], heads()), delta, a,
                                      detail::by_heads(selected[1], groups_),
                                      detail::by_heads(selected[2], groups_), skip, state.s, o);
    const Variable<T> gated = detail::without_heads(y) * silu(in[0]);
    const Variable<T> normed =
        detail::without_heads(rms_norm(detail::by_heads(gated, groups_), {}, 1e-5)) * weight_norm;
    return {linear(normed, weight_out), {state.h, std::move(s), std::move(after)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("convolution", convolution);
    v("bias_delta", bias_delta);
    v("log_a", log_a);
    v("skip", skip);
    v("weight_norm", weight_norm);
    v("weight_out", weight_out);
  }

 private:
  index_t states_ = 0, groups_ = 0;
};

/// See Recurrent and Mamba2Cell. `auto [y, state] = net(x);`
UNROLL_LAYER(Mamba2, Mamba2Cell)

}  // namespace unroll
