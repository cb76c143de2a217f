#pragma once
/// \file The dropout layer.

#include "unroll/autograd/dropout.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

/// What:   in training mode each element becomes 0 with probability p, else x / (1 − p); otherwise x itself.
/// Range:  p in 0 … 1.
/// Errors: UsageError otherwise.
/// The mask is a function of the key, whose step counts the calls in training mode: saved with a model's
/// state, it makes a resumed run continue with the same masks. A copy counts for itself.
/// In recompute(), whose function must do the same each time, a Dropout that the function holds, by value or by
/// reference, would draw another mask in the second run: let it work on a copy made inside, and advance the
/// original once outside. `scan` with a segment does so for the cell.
///
///     auto y = recompute<T>([drop, x] { auto own = drop; return std::vector{own(f(x))}; });
template <class T = float>
class Dropout {
 public:
  using value_type = T;

  Dropout() = default;
  /// With a key of your own.
  Dropout(double p, const RandomKey& key) : p_(p), key_(key) {
    if (!(p >= 0 && p <= 1)) raise<UsageError>("dropout: p must be in [0, 1]; got {}", p);
  }
  /// With a key drawn from `rng`.
  explicit Dropout(double p, Generator& rng = default_generator())
      : Dropout(p, RandomKey{.seed = rng.below(~std::uint64_t{0})}) {}

  Variable<T> operator()(const Variable<T>& x) const {
    if (!training_ || p_ == 0) return x;
    Variable<T> y = dropout(x, p_, key_);
    ++key_.step;
    return y;
  }
  /// The probability.
  double p() const { return p_; }
  /// Whether it drops at all.
  bool training() const { return training_; }
  /// Of the next mask.
  const RandomKey& key() const { return key_; }

  template <class V>
  void visit(V&& v) {
    v("training", training_);
    v("key", key_);
  }

 private:
  double p_ = 0.5;
  bool training_ = true;
  mutable RandomKey key_;
};

}  // namespace unroll
