#pragma once
/// \file The embedding layer.

#include <optional>

#include "unroll/autograd/gather.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

struct EmbeddingOptions {
  std::optional<std::int64_t> padding_index;  ///< this row is zero and gets no gradient
};

/// What:   row `token` of the weight for each token.
/// Shapes: tokens (N…) → (N…, E); weight (V, E).
/// Init:   N(0, 1), as PyTorch does.
/// Errors: ShapeError for sizes below 1, IndexError for a padding_index outside 0 … V − 1, UsageError for a
///         layer that is empty, and as embedding().
template <class T = float>
class Embedding {
 public:
  using value_type = T;
  Variable<T> weight;

  Embedding() = default;
  Embedding(index_t vocabulary, index_t size, const EmbeddingOptions& options = {},
            Generator& rng = default_generator());

  Variable<T> operator()(const Indices& tokens) const {
    if (!weight) detail::fail_empty_layer("embedding");
    return embedding(weight, tokens, padding_index_);
  }
  /// The symbol whose vector gets no gradient.
  std::optional<std::int64_t> padding_index() const { return padding_index_; }
  /// A look-up multiplies nothing.
  index_t multiply_adds() const { return 0; }

  template <class V>
  void visit(V&& v) {
    v("weight", weight);
  }

 private:
  std::optional<std::int64_t> padding_index_;
};

extern template class Embedding<float>;
extern template class Embedding<double>;

}  // namespace unroll
