#pragma once
/// \file Retention: its cell, and the layer `RetNet net(I, H);`.

#include "unroll/autograd/creation.hpp"
#include "unroll/layers/matrix_state.hpp"

namespace unroll {

/// Retention: a matrix per head that forgets at a fixed rate.
/// What:   q, k, v = W_qkv x by heads;  γ = 1 − 2^(−5 − head);  S' = γ S + k vᵀ;  o = S'ᵀ q / √d;
///         h' = W_o (norm(o) ⊙ silu(W_z x)), where the norm is by the root of the mean square in each head.
/// Shapes: x (B, I), h (B, H), S (B, heads, d, d) with d = H / heads; weight_in (4H, I): q, k, v, z; weight_out (H, H).
/// Source: Sun et al. 2023, "Retentive Network", without its rotation of queries and keys.
template <class T>
struct RetNetCell {
  using value_type = T;
  using State = MatrixState<T>;
  static constexpr bool row_wise = true, forward_only = true;
  Variable<T> weight_in, weight_out;
  RMSNorm<T> norm;

  RetNetCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H.
  RetNetCell(index_t input, index_t hidden, const MatrixStateOptions& options,
             Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    heads_ = detail::head_count("ret_net", hidden, options);
    weight_in = detail::draw<T>({4 * hidden, input}, input, rng);
    norm = RMSNorm<T>(hidden / heads_, {.eps = 1e-5, .affine = false});
    weight_out = detail::draw<T>({hidden, hidden}, hidden, rng);
  }
  RetNetCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : RetNetCell(input, hidden, MatrixStateOptions{}, rng) {}

  index_t input_size() const { return weight_in.shape()[1]; }
  index_t hidden_size() const { return weight_out.shape()[0]; }
  /// Zeros.
  State initial_state(index_t batch) const { return detail::zero_matrices<T>(batch, hidden_size(), heads_); }

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    auto [q, k, v, z] = chunk<4>(Variable<T>(linear(x, weight_in)));
    const Variable<T> gamma = 1.0 - exp((arange<T>(static_cast<T>(heads_)) + 5.0) * -0.6931471805599453);
    const Variable<T> decay = Variable<T>({x.shape()[0], x.shape()[1], heads_}, T{0}) + log(gamma);
    auto [y, s] = linear_attention(detail::by_heads(q, heads_), detail::by_heads(k, heads_),
                                   detail::by_heads(v, heads_),
                                   {.decay = detail::decay_with_resets(decay, o.resets),
                                    .state = state.s,
                                    .rule = LinearAttentionRule::gated,
                                    .lengths = o.lengths});
    const Variable<T> normed = detail::without_heads(norm(y));
    return {linear(Variable<T>(normed * silu(z)), weight_out), {state.h, std::move(s)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("norm", norm);
    v("weight_out", weight_out);
  }

 private:
  index_t heads_ = 0;
};

/// See Recurrent and RetNetCell. `auto [y, state] = net(x);`
UNROLL_LAYER(RetNet, RetNetCell)

}  // namespace unroll
