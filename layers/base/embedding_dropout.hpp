#pragma once
/// \file Dropout of whole symbols.

#include "unroll/layers/embedding.hpp"

namespace unroll {

/// What:   in training mode, table(tokens) with each row of the table, for the whole call, 0 with probability p, else
///         divided by 1 − p: a symbol that is dropped is so wherever it stands. Otherwise table(tokens) itself.
/// Shapes: as the table's.
/// Range:  p in 0 … 1.
/// Errors: UsageError otherwise; as the table's.
/// The mask is a function of the key, whose step counts the calls in training mode; see Dropout.
/// Cost:   a random number for each row of the table, and one product with the result.
/// Source: Gal and Ghahramani 2016; Merity, Keskar, Socher 2018.
template <class T = float>
class EmbeddingDropout {
 public:
  using value_type = T;

  EmbeddingDropout() = default;
  /// With a key of your own.
  EmbeddingDropout(double p, const RandomKey& key);
  /// With a key drawn from `rng`.
  explicit EmbeddingDropout(double p, Generator& rng = default_generator())
      : EmbeddingDropout(p, RandomKey{.seed = rng.below(~std::uint64_t{0})}) {}

  /// The rows of `table` for `tokens`.
  Variable<T> operator()(const Embedding<T>& table, const Indices& tokens) const;
  /// The probability.
  double p() const { return p_; }
  /// Whether it drops at all.
  bool training() const { return training_; }
  /// Of the next mask.
  const RandomKey& key() const { return key_; }

  /// Shows the mode and the key.
  template <class V>
  void visit(V&& v) {
    v("training", training_);
    v("key", key_);
  }

 private:
  double p_ = 0;
  bool training_ = true;
  mutable RandomKey key_;
};

extern template class EmbeddingDropout<float>;
extern template class EmbeddingDropout<double>;

}  // namespace unroll
