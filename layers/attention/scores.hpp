#pragma once  // internal
/// \file How well a query fits each vector of a memory: the score functions of attention.
///
/// Each has `keys(values)`, what it needs of the memory, computed once for a sequence; and a call (query,
/// keys) → scores.
/// Shapes: values (B, S, E), query (B, N, Q), keys (B, …), scores (B, N, S).

#include "unroll/autograd/variable.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

/// The sizes a score function is made for.
struct AttentionSizes {
  index_t query, memory;  ///< Q and E
  index_t hidden = 0;     ///< A, of the score functions that have one; 0: Q
};

/// What:   qᵀ s.
/// Errors: ShapeError unless Q = E.
/// Source: Luong, Pham, Manning 2015, "dot".
template <class T>
struct DotScore {
  using value_type = T;
  DotScore() = default;
  DotScore(const AttentionSizes& sizes, Generator& rng);
  Variable<T> keys(const Variable<T>& values) const;
  Variable<T> operator()(const Variable<T>& query, const Variable<T>& keys) const;
  template <class V>
  void visit(V&&) {}
};

/// What:   qᵀ W s.
/// Shapes: weight (Q, E).
/// Source: Luong, Pham, Manning 2015, "general".
template <class T>
struct GeneralScore {
  using value_type = T;
  Variable<T> weight;
  GeneralScore() = default;
  GeneralScore(const AttentionSizes& sizes, Generator& rng);
  Variable<T> keys(const Variable<T>& values) const;
  Variable<T> operator()(const Variable<T>& query, const Variable<T>& keys) const;
  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }
};

/// What:   vᵀ tanh(W q + U s).
/// Shapes: weight_query (A, Q), weight_key (A, E), v (1, A).
/// Source: Bahdanau, Cho, Bengio 2015, appendix A.1.2.
template <class T>
struct AdditiveScore {
  using value_type = T;
  Variable<T> weight_query, weight_key, v;
  AdditiveScore() = default;
  AdditiveScore(const AttentionSizes& sizes, Generator& rng);
  Variable<T> keys(const Variable<T>& values) const;
  Variable<T> operator()(const Variable<T>& query, const Variable<T>& keys) const;
  template <class V>
  void visit(V&& visitor) {
    visitor("weight_query", weight_query);
    visitor("weight_key", weight_key);
    visitor("v", v);
  }
};

/// What:   (W q)ᵀ (U s) / √A.
/// Shapes: weight_query (A, Q), weight_key (A, E).
/// Source: Vaswani et al. 2017, equation 1, with one head.
template <class T>
struct ScaledDotScore {
  using value_type = T;
  Variable<T> weight_query, weight_key;
  ScaledDotScore() = default;
  ScaledDotScore(const AttentionSizes& sizes, Generator& rng);
  Variable<T> keys(const Variable<T>& values) const;
  Variable<T> operator()(const Variable<T>& query, const Variable<T>& keys) const;
  template <class V>
  void visit(V&& v) {
    v("weight_query", weight_query);
    v("weight_key", weight_key);
  }
};

}  // namespace unroll
