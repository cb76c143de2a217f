#pragma once
/// \file The mLSTM, an LSTM whose cell state is a matrix: its cell, and the layer `Mlstm mlstm(I, H, heads);`.

#include "unroll/detail/layers/recurrent/mlstm_memory.hpp"

namespace unroll {

/// The state of an MlstmCell.
/// Shapes: h (B, H), c (B, heads, d, d), n (B, heads, d), m (B, heads).
template <class T>
struct MlstmState {
  Variable<T> h;  ///< the output
  Variable<T> c;  ///< the matrices
  Variable<T> n;  ///< the normalisers: the sum of the keys, weighed as in c
  Variable<T> m;  ///< the stabilisers: c and n are eᵐ times too small
  /// Shows all of them.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
    v("n", n);
    v("m", m);
  }
};

/// The sizes of an MlstmCell.
struct MlstmOptions {
  index_t heads = 0;  ///< 0: as MatrixStateOptions has it
  bool bias = true;   ///< with b_in and b_g
};

/// An LSTM with exponential gates and a matrix per head, which all steps of a sequence can be computed at once for.
/// What:   q, k, v, ô = W_in x + b_in, by heads;  î, f̂ = W_g x + b_g, a number per head;
///         m' = max(î, m + log σ(f̂));  i = exp(î − m');  f = exp(m + log σ(f̂) − m');
///         C' = f C + i (k/√d) vᵀ;  n' = f n + i k/√d;
///         h' = σ(ô) ⊙ C'ᵀ q / (max(|n'ᵀ q|, e^{−m'}) + 1e-6).
/// Shapes: x (B, I), h (B, H), C (B, heads, d, d) with d = H / heads; weight_in (4H, I): q, k, v, o; weight_gates (2 heads, I):
///         i, f; the biases as long, or empty.
/// Init:   W_in and b_in from U(−1/√H, 1/√H); W_g = 0, b_i from N(0, 0.01), b_f from 3 to 6 over the heads.
/// Range:  gates of any size: nothing overflows.
/// Source: Beck et al. 2024, xLSTM, equations 19 to 27; 1e-6 and the start m = 0 as in its code.
template <class T>
struct MlstmCell {
  using value_type = T;
  using State = MlstmState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, bias_in, weight_gates, bias_gates;

  MlstmCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  MlstmCell(index_t input, index_t hidden, const MlstmOptions& options, Generator& rng = default_generator());
  MlstmCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : MlstmCell(input, hidden, MlstmOptions{.bias = bias}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_in.shape()[0] / 4; }
  /// The number of matrices.
  index_t heads() const { return weight_gates.shape()[0] / 2; }
  /// Zeros.
  State initial_state(index_t batch) const {
    auto [h, c] = detail::zero_matrices<T>(batch, hidden_size(), heads());
    return {std::move(h), c, Variable<T>(c.shape().without(3), T{0}), Variable<T>({batch, heads()}, T{0})};
  }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [q, k, v, o_hat] = chunk<4>(Variable<T>(linear(x, weight_in, bias_in)));
    auto [i_hat, f_hat] = chunk<2>(Variable<T>(linear(x, weight_gates, bias_gates)));
    auto [h, after] = detail::mlstm_memory<T>({detail::by_heads(q, heads()), detail::by_heads(k, heads()),
                                               detail::by_heads(v, heads()), i_hat, f_hat},
                                              {state.c, state.n, state.m}, o);
    return {sigmoid(o_hat) * detail::without_heads(h), {state.h, after.c, after.n, after.m}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("bias_in", bias_in);
    v("weight_gates", weight_gates);
    v("bias_gates", bias_gates);
  }
};

/// See Recurrent and MlstmCell. `auto [y, state] = mlstm(x);` with state.h, state.c, state.n and state.m.
template <class T = float>
class Mlstm : public Recurrent<MlstmCell<T>> {
 public:
  Mlstm() = default;
  /// With as many heads as MatrixStateOptions has by default where `heads` is 0.
  Mlstm(index_t input, index_t hidden, index_t heads = 0, const RecurrentOptions& options = {},
        Generator& rng = default_generator())
      : Recurrent<MlstmCell<T>>(
            input,
            [&](index_t size) {
              return MlstmCell<T>(size, hidden, {.heads = heads, .bias = options.bias}, rng);
            },
            options, rng) {}
};

UNROLL_COMPILED_CELL(MlstmCell)

}  // namespace unroll
