#pragma once
/// \file Attention: reading from the outputs of an encoder what fits a query.

#include <variant>

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/layers/attention/scores.hpp"
#include "unroll/layers/attended.hpp"

namespace unroll {

/// The score functions; see attention_scores.hpp.
enum class AttentionKind { additive, dot, general, scaled_dot };

/// What queries are compared with and read from. All members have one row for each sequence, so that it can
/// be part of a decoder's state.
template <class T>
struct AttentionMemory {
  Variable<T> keys;    ///< (B, …), what the score function needs
  Variable<T> values;  ///< (B, S, E)
  Variable<T> mask;    ///< (B, S), a constant: 1 where a vector stands, 0 beyond a sequence's end

  template <class V>
  void visit(V&& v) {
    v("keys", keys);
    v("values", values);
    v("mask", mask);
  }
};

/// Reads from a memory what fits a query.
/// What:   weights = softmax over s of score(query, value_s);  context = Σ_s weights_s value_s.
///
///     auto memory = attention.memory(outputs, lengths);
///     auto [context, weights] = attention(h, memory);
///
/// Shapes: query (B, Q) → context (B, E), weights (B, S);
///         or N queries each, (B, N, Q) → (B, N, E), (B, N, S).
/// Range:  weights beyond a sequence's end are 0 and have no gradient; for an empty sequence, context and
///         weights are 0.
/// Errors: ShapeError for sizes below 1 and where shapes do not fit.
/// Cost:   keys are computed once for each memory, not for each query.
template <class T = float>
class Attention {
 public:
  using value_type = T;

  Attention() = default;
  /// With new parameters, initialised from `rng`.
  Attention(AttentionKind kind, const AttentionSizes& sizes, Generator& rng = default_generator());

  /// Shapes: outputs (S, B, E) of an encoder, lengths (B,), or empty where all are S. What stands beyond the
  ///         lengths has no influence; without lengths the zeros beyond a sequence's end take part.
  /// Errors: IndexError for a length outside 0 … S.
  AttentionMemory<T> memory(const Variable<T>& outputs, const Indices& lengths = {}) const;
  Attended<T> operator()(const Variable<T>& query, const AttentionMemory<T>& memory) const;

  template <class V>
  void visit(V&& v) {
    std::visit([&](auto& score) { score.visit(v); }, score_);
  }

 private:
  AttentionSizes sizes_{0, 0};
  std::variant<AdditiveScore<T>, DotScore<T>, GeneralScore<T>, ScaledDotScore<T>> score_;
};

extern template class Attention<float>;
extern template class Attention<double>;

}  // namespace unroll
