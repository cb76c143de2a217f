#pragma once
/// \file Linear attention: recurrences whose state is a matrix per head, by chunks of time.

#include <optional>

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

/// What a step of linear_attention does to the state S', which its head kept from the step before.
enum class LinearAttentionRule {
  linear,       ///< S = S' + k vᵀ
  gated,        ///< S = D S' + k vᵀ with D = diag(e^decay)
  delta,        ///< S = S' + β k (v − S'ᵀ k)ᵀ
  gated_delta,  ///< S = D S' + β k (v − (D S')ᵀ k)ᵀ
  rank_one      ///< S = D S' + a (S'ᵀ b)ᵀ + k vᵀ; b reads what is not decayed yet
};

/// What linear_attention may be given.
template <class T>
struct LinearAttentionOptions {
  /// Of S' per step, as a logarithm: (T, B, heads), or per key (T, B, heads, d_k). Gated rules need it, rank_one may have it.
  Variable<T> decay = {};
  Variable<T> beta = {};  ///< the strength of delta rules, which need it: (T, B, heads)
  Variable<T> a = {};     ///< what rank_one writes: (T, B, heads, d_k)
  Variable<T> b = {};     ///< what it reads with: (T, B, heads, d_k)
  Variable<T> bonus =
      {};  ///< (heads, d_k): o = scale (S' + diag(bonus) k vᵀ)ᵀ q in place of scale Sᵀ q; not with delta rules
  std::optional<double> scale = {};  ///< 1 / √d_k where there is none
  Variable<T> state = {};            ///< what the first step begins with, (B, heads, d_k, d_v); empty: zeros
  LinearAttentionRule rule = LinearAttentionRule::linear;  ///< what a step does
  index_t chunk = 64;    ///< steps computed together; the result depends on it by rounding only
  Indices lengths = {};  ///< of the B sequences; empty: all have T steps
  bool growth = false;   ///< let decay be above 0; nothing then bounds the state
};

/// What linear_attention returns.
template <class T>
struct LinearAttention {
  Variable<T> output;  ///< (T, B, heads, d_v)
  Variable<T> state;   ///< behind the last step of each sequence, (B, heads, d_k, d_v)
};

/// What:   o = scale Sᵀ q at each step, with the state S of each sequence and head by options.rule; 0 beyond a sequence's
///         length, where its state stays as it is.
/// Shapes: q, k (T, B, heads, d_k), v (T, B, heads, d_v), time first.
/// Range:  decay ≤ 0, without a lower limit: what vanishes becomes 0. A decay of −∞ clears the state before the step
///         (not for what b of rank_one reads).
/// Errors: ShapeError naming the operands; UsageError for what a rule lacks or has no use for, a chunk below 1 and a
///         decay above 0; IndexError for a length outside 0 … T.
/// Cost:   one node. Time as T · chunk · (d_k + d_v) + T · d_k · d_v for each sequence and head. It keeps a state per chunk,
///         no more; backward computes the chunks again. Sequences and heads are divided over num_threads(), and no
///         bit depends on their number. The second derivative is recorded step by step and slow.
/// Source: names and meaning of ONNX's LinearAttention; Yang and others 2024 (arXiv 2406.06484, 2412.06464).
template <class T>
LinearAttention<T> linear_attention(const Variable<T>& q, const detail::Same<Variable<T>>& k,
                                    const detail::Same<Variable<T>>& v,
                                    const detail::Same<LinearAttentionOptions<T>>& options = {});

/// The same for expressions.
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
LinearAttention<T> linear_attention(E&& q, const detail::Same<Variable<T>>& k,
                                    const detail::Same<Variable<T>>& v,
                                    const detail::Same<LinearAttentionOptions<T>>& options = {}) {
  return linear_attention(Variable<T>(std::forward<E>(q)), k, v, options);
}

}  // namespace unroll
