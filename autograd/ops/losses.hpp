#pragma once
/// \file Losses.

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

/// What becomes of the losses of single elements.
enum class Reduction { mean, sum, none };

struct CrossEntropyOptions {
  std::int64_t ignore_index = -100;       ///< targets that count neither in the loss nor in the mean
  Reduction reduction = Reduction::mean;  ///< of the losses of all rows
  double label_smoothing = 0;             ///< ε in 0 … 1
};

/// What:   (1−ε)·(−ln p_target) + ε·mean_k(−ln p_k) with p = softmax(logits), over the last axis; `mean` is
///         over the targets that are not ignored, and NaN where there are none.
/// Shapes: logits (…, V), targets (…) → () or, for none, (…).
/// Range:  targets 0 … V − 1 or ignore_index. An ignored row, and a row of −∞ alone, has gradient 0; the
///         loss of the latter is ∞.
/// Units:  nats.
/// Errors: ShapeError; IndexError naming position, value and range; UsageError for ε.
/// Source: the formula of PyTorch's CrossEntropyLoss.
template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& targets,
                          const CrossEntropyOptions& options = {});

/// What:   (prediction − target)², reduced.
/// Shapes: both the same → () or, for none, the same.
/// Errors: ShapeError naming both; UsageError for the mean of nothing.
template <class T>
Variable<T> mse(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                Reduction reduction = Reduction::mean);

/// What:   −t ln σ(x) − (1−t) ln(1 − σ(x)) for logits x and targets t in 0 … 1, reduced; exact for large |x|.
/// Shapes, errors: as mse.
template <class T>
Variable<T> binary_cross_entropy_with_logits(const Variable<T>& logits,
                                             const detail::Same<Variable<T>>& targets,
                                             Reduction reduction = Reduction::mean);

/// The same for expressions.
template <detail::Lazy E>
auto cross_entropy(E&& logits, const Indices& targets, const CrossEntropyOptions& options = {}) {
  return cross_entropy(Variable(std::forward<E>(logits)), targets, options);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto mse(E&& prediction, const detail::Same<V>& target, Reduction reduction = Reduction::mean) {
  return mse(V(std::forward<E>(prediction)), target, reduction);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto binary_cross_entropy_with_logits(E&& logits, const detail::Same<V>& targets,
                                      Reduction reduction = Reduction::mean) {
  return binary_cross_entropy_with_logits(V(std::forward<E>(logits)), targets, reduction);
}
/// Refuses to mix float and double.
template <class A, class B>
requires detail::Mixed<A, B>
auto mse(const A& a, const B&, Reduction = Reduction::mean) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B>
requires detail::Mixed<A, B>
auto binary_cross_entropy_with_logits(const A& a, const B&, Reduction = Reduction::mean) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
