#pragma once  // internal
/// \file The matrix memory of the mLSTM over whole sequences, without the projections around it.

#include <cmath>

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/max_plus_recurrence.hpp"
#include "unroll/layers/matrix_state.hpp"
#include "unroll/layers/scanned.hpp"

namespace unroll::detail {

/// What the heads of an mLSTM carry.
/// Shapes: c (B, heads, d, d), n (B, heads, d), m (B, heads).
template <class T>
struct MlstmMemory {
  Variable<T> c, n, m;
};

/// What a step is given, by heads.
/// Shapes: q, k, v (T, B, heads, d), i and f (T, B, heads), before the exponential and the sigmoid.
template <class T>
struct MlstmInputs {
  Variable<T> q, k, v, i, f;
};

/// Of the gates i and f, (2 heads,): those of i from N(0, 0.01), those of f from 3 to 6 over the heads.
template <class T>
Variable<T> mlstm_gate_biases(index_t heads, Generator& rng);

/// What:   m_t = max(î_t, m_{t−1} + log σ(f̂_t));
///         (C, n)_t = e^{g_t} (C, n)_{t−1} + e^{î_t − m_t} (k_t/√d) (v_t, 1)ᵀ,  g_t = log σ(f̂_t) + (m_{t−1} − m_t);
///         h_t = C_tᵀ q_t / (max(|n_tᵀ q_t|, e^{−m_t}) + 1e-6).
/// So n is one more column of C, and the rule of both is that of linear attention with a decay per head. m is what was
/// stored, so that its rounding does not enter C eᵐ and n eᵐ; g may be above 0 by as much as that.
/// Shapes: output (T, B, heads, d).
template <class T>
Scanned<T, MlstmMemory<T>> mlstm_memory(const MlstmInputs<T>& in, const MlstmMemory<T>& before,
                                        const RecurrenceOptions& o) {
  const Shape& s = in.q.shape();
  const index_t time = s[0], batch = s[1], heads = s[2], d = s[3];
  const Variable<T> log_f = log_sigmoid(in.f);
  auto [m, last_m] = max_plus_recurrence(log_f, in.i, before.m, o);
  const Variable<T> m_before =
      concat({reshape(before.m, Shape{1, batch, heads}), slice(m, 0, 0, time - 1)}, 0);
  const Variable<T> decay = log_f + (m_before - m);
  const Variable<T> strength = exp(in.i - m) * (1 / std::sqrt(static_cast<double>(d)));
  auto [y, last] = linear_attention(
      in.q, in.k * reshape(strength, s.with(3, 1)), concat({in.v, Variable<T>(s.with(3, 1), T{1})}, 3),
      {.decay = decay_with_resets(decay, o.resets),
       .scale = 1,
       .state = concat({before.c, reshape(before.n, Shape{batch, heads, d, 1})}, 3),
       .rule = LinearAttentionRule::gated,
       .lengths = o.lengths,
       .growth = true});
  // Both sides times e^low, so that e^{−m} does not overflow.
  const Variable<T> high = reshape(m, s.with(3, 1)), low = minimum(high, T{0});
  const Variable<T> sum = slice(y, 3, d, d + 1), value = slice(y, 3, 0, d);
  const Variable<T> divisor = maximum(abs(sum) * exp(low), exp(low - high)) + 1e-6 * exp(low);
  return {value * (exp(low) / divisor),
          {dense(slice(last, 3, 0, d)), reshape(slice(last, 3, d, d + 1), Shape{batch, heads, d}), last_m}};
}

}  // namespace unroll::detail
