#pragma once
/// \file The two residual blocks of the xLSTM: cells, of which Xlstm is a stack.

#include <string>

#include "unroll/detail/layers/recurrent/mlstm_memory.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/group_norm.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/slstm.hpp"

namespace unroll {

/// What an xLSTM is made of.
struct XlstmOptions {
  std::string pattern = "ms";  ///< a letter for each block, from the bottom: m for mLSTM, s for sLSTM
  index_t heads = 0;           ///< 0: four, or as many as divide H
  index_t taps = 4;            ///< K, of the convolutions
  double dropout = 0;          ///< on what each part adds, while training
  index_t feed_forward =
      0;  ///< F, the width of the sLSTM blocks' feed-forward part; 0: 4/3 H, rounded up to a multiple of 16
};

/// The state of an MlstmBlock.
/// Shapes: h (B, H), convolution (B, K − 1, 2H), c (B, heads, d, d) with d = 2H / heads, n (B, heads, d), m (B, heads).
template <class T>
struct MlstmBlockState {
  Variable<T> h;            ///< the output
  Variable<T> convolution;  ///< the last inputs of the convolution
  Variable<T> c;            ///< the matrices
  Variable<T> n;            ///< the normalisers
  Variable<T> m;            ///< the stabilisers
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("convolution", convolution);
    v("c", c);
    v("n", n);
    v("m", m);
  }
};

/// The state of an SlstmBlock.
/// Shapes: h (B, H), convolution (B, K − 1, H), unit (B, H) each.
template <class T>
struct SlstmBlockState {
  Variable<T> h;            ///< the output
  Variable<T> convolution;  ///< the last inputs of the convolution
  SlstmState<T> unit;       ///< what the sLSTM carries
  /// Shows all of them; the sLSTM's h as y.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("convolution", convolution);
    v("y", unit.h);
    v("c", unit.c);
    v("n", unit.n);
    v("m", unit.m);
  }
};

/// A residual block around an mLSTM that is twice as wide.
/// What:   u, z = W_up norm(x);  a = silu(Conv(u));  q, k = W_qk a;  v = W_v u;  î, f̂ = W_g (q, k, v) + b_g;
///         h̃ = C'ᵀ q / (max(|n'ᵀ q|, e^{−m'}) + 1e-6), see MlstmCell;
///         h' = x + W_down ((norm_heads(h̃) + s ⊙ a) ⊙ silu(z)).
/// Shapes: x and h (B, H); weight_up (4H, H): u, z; weight_qk (2, H / 2, 4, 4) and weight_v (H / 2, 4, 4), blocks on the
///         diagonal, of 2 where H is odd; weight_gates (2 heads, 6H): i, f; skip, s above, (2H,); weight_down (H, 2H). norm
///         is over the units, norm_heads over those of each head, both with a scale alone.
/// Init:   s = 1, the gates as MlstmCell's, the others as linear layers.
/// Source: Beck et al. 2024, xLSTM, figure 11, and its code.
template <class T>
struct MlstmBlock {
  using value_type = T;
  using State = MlstmBlockState<T>;
  static constexpr bool forward_only = true;  ///< the convolution looks back
  LayerNorm<T> norm;
  Variable<T> weight_up, weight_qk, weight_v, weight_gates, bias_gates, skip, weight_down;
  CausalConv1d<T> convolution;
  GroupNorm<T> norm_heads;  ///< of each head by itself
  Dropout<T> dropout;

  MlstmBlock() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  explicit MlstmBlock(index_t hidden, const XlstmOptions& options = {}, Generator& rng = default_generator());

  index_t input_size() const { return hidden_size(); }
  index_t hidden_size() const { return weight_down.shape()[0]; }
  /// The number of matrices.
  index_t heads() const { return weight_gates.shape()[0] / 2; }
  /// Dropout draws one mask for all rows.
  bool row_wise() const { return !(dropout.training() && dropout.p() > 0); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const index_t width = 2 * hidden_size(), d = width / heads();
    const auto zeros = [](const Shape& shape) { return Variable<T>(shape, T{0}); };
    return {zeros({batch, hidden_size()}), zeros({batch, convolution.weight.shape()[1] - 1, width}),
            zeros({batch, heads(), d, d}), zeros({batch, heads(), d}), zeros({batch, heads()})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [u, z] = chunk<2>(Variable<T>(linear(norm(x), weight_up)));
    auto [mixed, inputs] = detail::short_convolution(convolution, u, state.convolution, o);
    const Variable<T> a = silu(mixed), v = linear(u, weight_v);
    auto [q, k] = chunk<2>(Variable<T>(linear(a, weight_qk)));
    auto [i_hat, f_hat] = chunk<2>(Variable<T>(linear(concat({q, k, v}, 2), weight_gates, bias_gates)));
    auto [h, after] = detail::mlstm_memory<T>({detail::by_heads(q, heads()), detail::by_heads(k, heads()),
                                               detail::by_heads(v, heads()), i_hat, f_hat},
                                              {state.c, state.n, state.m}, o);
    const Variable<T> read = (norm_heads(detail::without_heads(h)) + skip * a) * silu(z);
    return {x + dropout(Variable<T>(linear(read, weight_down))),
            {state.h, inputs, after.c, after.n, after.m}};
  }

  template <class V>
  void visit(V&& v) {
    v("norm", norm);
    v("weight_up", weight_up);
    v("convolution", convolution);
    v("weight_qk", weight_qk);
    v("weight_v", weight_v);
    v("weight_gates", weight_gates);
    v("bias_gates", bias_gates);
    v("norm_heads", norm_heads);
    v("skip", skip);
    v("weight_down", weight_down);
    v("dropout", dropout);
  }
};

namespace detail {

/// The step of an SlstmCell whose inputs are projected elsewhere.
template <class T>
struct SlstmSteps {
  using value_type = T;
  using State = SlstmState<T>;
  static constexpr bool row_wise = true;
  SlstmCell<T> cell;

  State step(const Variable<T>& x, const State& state) const { return cell.step(x, state); }
  State initial_state(index_t batch) const {
    const Shape& w = cell.weight_hh.shape();
    const Variable<T> zeros({batch, w[1] * w[2]}, T{0});
    return {zeros, zeros, zeros, zeros};
  }
  template <class V>
  void visit(V&& v) {
    v("weight_hh", cell.weight_hh);
  }
};

}  // namespace detail

/// A residual block around an sLSTM, and one around a gated feed-forward part.
/// What:   n = norm(x);  a = silu(Conv(n));  y = sLSTM(W_i a, W_f a, W_z n, W_o n), see SlstmCell;  u = x + norm_heads(y);
///         h' = u + W_d (gelu(W_g r) ⊙ W_u r),  r = norm₂(u).
/// Shapes: x and h (B, H); weight_if and weight_zo (2, heads, H / heads, H / heads), bias (4H,); W_g and W_u (F, H), one
///         matrix weight_ff (2F, H), W_d, weight_down, (H, F), with F as XlstmOptions has it. The norms have a scale alone.
/// Init:   b_f from 3 to 6 over the units of a head, the other biases 0; the others as linear layers.
/// Source: Beck et al. 2024, xLSTM, figure 10, and its code.
template <class T>
struct SlstmBlock {
  using value_type = T;
  using State = SlstmBlockState<T>;
  static constexpr bool forward_only = true;  ///< the convolution looks back
  LayerNorm<T> norm, norm_feed_forward;
  Variable<T> weight_if, weight_zo, bias, weight_ff, weight_down;
  CausalConv1d<T> convolution;
  detail::SlstmSteps<T> unit;  ///< the sLSTM, with its weight on h
  GroupNorm<T> norm_heads;     ///< of each head by itself
  Dropout<T> dropout;

  SlstmBlock() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  explicit SlstmBlock(index_t hidden, const XlstmOptions& options = {}, Generator& rng = default_generator());

  index_t input_size() const { return hidden_size(); }
  index_t hidden_size() const { return weight_down.shape()[0]; }
  /// Dropout draws one mask for all rows.
  bool row_wise() const { return !(dropout.training() && dropout.p() > 0); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const index_t hidden = hidden_size();
    return {Variable<T>({batch, hidden}, T{0}),
            Variable<T>({batch, convolution.weight.shape()[1] - 1, hidden}, T{0}), unit.initial_state(batch)};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    const Variable<T> n = norm(x);
    auto [mixed, inputs] = detail::short_convolution(convolution, n, state.convolution, o);
    const Variable<T> a = silu(mixed), i_f = linear(a, weight_if), z_o = linear(n, weight_zo);
    const Variable<T> gates = concat({i_f, z_o}, 2) + bias;
    auto [y, after] = scan(unit, gates, state.unit, {.lengths = o.lengths, .resets = o.resets});
    const Variable<T> u = x + dropout(norm_heads(y));
    auto [gate, up] = chunk<2>(Variable<T>(linear(norm_feed_forward(u), weight_ff)));
    const Variable<T> gated = gelu(gate) * up;
    return {u + dropout(Variable<T>(linear(gated, weight_down))), {state.h, inputs, after}};
  }

  template <class V>
  void visit(V&& v) {
    v("norm", norm);
    v("convolution", convolution);
    v("weight_if", weight_if);
    v("weight_zo", weight_zo);
    v("bias", bias);
    v("unit", unit);
    v("norm_heads", norm_heads);
    v("norm_feed_forward", norm_feed_forward);
    v("weight_ff", weight_ff);
    v("weight_down", weight_down);
    v("dropout", dropout);
  }
};

extern template struct MlstmBlock<float>;
extern template struct MlstmBlock<double>;
extern template struct SlstmBlock<float>;
extern template struct SlstmBlock<double>;

}  // namespace unroll
