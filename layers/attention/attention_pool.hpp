#pragma once
/// \file One vector for a whole sequence: a mean over time whose weights are learned.

#include "unroll/autograd/indices.hpp"
#include "unroll/layers/attended.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

/// One vector for a whole sequence: a learned weighted mean of its outputs.
/// What:   u_t = tanh(W y_t + b);  α = softmax over t of qᵀ u_t;  context = Σ α_t y_t.
/// Shapes: y (T, B, F), lengths (B,), or empty where all are T → context (B, F), weights (B, T);
///         weight (A, F), bias (A,), query (1, A).
/// Without lengths the zeros beyond a sequence's end take part.
/// Range:  weights beyond a sequence's end are 0, and what stands there has no influence; an empty sequence
///         has context and weights 0.
/// Init:   U(−1/√F, 1/√F) for W and b, U(−1/√A, 1/√A) for q.
/// Errors: ShapeError and IndexError where they do not fit.
/// Source: Yang et al. 2016, Hierarchical attention networks for document classification, equations 5 to 7.
template <class T = float>
class AttentionPool {
 public:
  using value_type = T;
  Variable<T> weight, bias, query;

  AttentionPool() = default;
  /// `size` is A.
  AttentionPool(index_t features, index_t size, Generator& rng = default_generator());

  /// The context of each sequence, and its weights.
  Attended<T> operator()(const Variable<T>& y, const Indices& lengths = {}) const;

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
    v("bias", bias);
    v("query", query);
  }
};

extern template class AttentionPool<float>;
extern template class AttentionPool<double>;

}  // namespace unroll
