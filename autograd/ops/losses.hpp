#pragma once
/// \file Losses.

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/reduction.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

struct CrossEntropyOptions {
  std::vector<double> weight = {};        ///< w, of each class; empty: 1
  std::int64_t ignore_index = -100;       ///< targets that count neither in the loss nor in the mean
  Reduction reduction = Reduction::mean;  ///< of the losses of all rows
  double label_smoothing = 0;             ///< ε in 0 … 1
};

/// What:   (1−ε)·w_target·(−ln p_target) + ε·mean_k(−w_k ln p_k) with p = softmax(logits), over the last axis;
///         `mean` is the sum divided by that of w_target over the targets that are not ignored, and NaN where that is
///         0.
/// Shapes: logits (…, V), targets (…) → () or, for none, (…); weight has V elements or none.
/// Range:  targets 0 … V − 1 or ignore_index. An ignored row, one that has weight 0 only, and a row of −∞ alone has
///         gradient 0; the loss of the first two is 0, whatever their logits, that of the last ∞.
/// Units:  nats.
/// Errors: ShapeError; IndexError naming position, value and range; UsageError for ε and for a weight that is negative
///         or not finite.
/// Source: the formula of PyTorch's CrossEntropyLoss.
template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& targets,
                          const CrossEntropyOptions& options = {});
/// With a reduction alone: `cross_entropy(x, targets, Reduction::sum)`.
template <class T>
Variable<T> cross_entropy(const Variable<T>& logits, const Indices& targets, Reduction reduction) {
  return cross_entropy(logits, targets, CrossEntropyOptions{.reduction = reduction});
}

template <class T>
struct MseOptions {
  Reduction reduction = Reduction::mean;  ///< of the losses of the elements that count
  /// 0 where an element does not count, such as length_mask(lengths, T); empty: all count.
  Variable<T> mask = {};
};

/// What:   (prediction − target)², reduced. An element whose mask is 0 has loss and gradient 0, whatever stands there,
///         NaN too, and no part in the mean.
/// Shapes: both the same → () or, for none, the same; the mask broadcasts to it.
/// Errors: ShapeError naming both; UsageError for the mean of nothing.
template <class T>
Variable<T> mse(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                Reduction reduction = Reduction::mean);
/// With a mask: `mse(y, t, {.mask = length_mask<float>(lengths, T)})`.
template <class T>
Variable<T> mse(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                const detail::Same<MseOptions<T>>& options);

template <class T>
struct BinaryCrossEntropyOptions {
  Reduction reduction = Reduction::mean;  ///< of the losses of the elements that count
  std::vector<double> pos_weight = {};    ///< w, for each class of the last axis, or one for all; empty: 1
  /// 0 where an element does not count, such as length_mask(lengths, T); empty: all count.
  Variable<T> mask = {};
};

/// What:   −w t ln σ(x) − (1−t) ln(1 − σ(x)) for logits x and targets t in 0 … 1, reduced; exact for large |x|. The
///         mean is over the elements, whatever w; the mask is as for mse.
/// Shapes, errors: as mse; also UsageError for a w that is negative or not finite.
/// Source: the formula of PyTorch's BCEWithLogitsLoss.
template <class T>
Variable<T> binary_cross_entropy_with_logits(const Variable<T>& logits,
                                             const detail::Same<Variable<T>>& targets,
                                             Reduction reduction = Reduction::mean);
/// With a mask or weights: `binary_cross_entropy_with_logits(x, t, {.pos_weight = {3}})`.
template <class T>
Variable<T> binary_cross_entropy_with_logits(const Variable<T>& logits,
                                             const detail::Same<Variable<T>>& targets,
                                             const detail::Same<BinaryCrossEntropyOptions<T>>& options);

/// The same for expressions.
template <detail::Lazy E>
auto cross_entropy(E&& logits, const Indices& targets, const CrossEntropyOptions& options = {}) {
  return cross_entropy(Variable(std::forward<E>(logits)), targets, options);
}
template <detail::Lazy E>
auto cross_entropy(E&& logits, const Indices& targets, Reduction reduction) {
  return cross_entropy(Variable(std::forward<E>(logits)), targets, reduction);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto mse(E&& prediction, const detail::Same<V>& target, Reduction reduction = Reduction::mean) {
  return mse(V(std::forward<E>(prediction)), target, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto mse(E&& prediction, const detail::Same<Variable<T>>& target,
         const detail::Same<MseOptions<T>>& options) {
  return mse(Variable<T>(std::forward<E>(prediction)), target, options);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto binary_cross_entropy_with_logits(E&& logits, const detail::Same<V>& targets,
                                      Reduction reduction = Reduction::mean) {
  return binary_cross_entropy_with_logits(V(std::forward<E>(logits)), targets, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto binary_cross_entropy_with_logits(E&& logits, const detail::Same<Variable<T>>& targets,
                                      const detail::Same<BinaryCrossEntropyOptions<T>>& options) {
  return binary_cross_entropy_with_logits(Variable<T>(std::forward<E>(logits)), targets, options);
}
/// Refuses to mix float and double.
template <class A, class B, class... Options>
requires detail::Mixed<A, B>
auto mse(const A& a, const B&, const Options&...) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B, class... Options>
requires detail::Mixed<A, B>
auto binary_cross_entropy_with_logits(const A& a, const B&, const Options&...) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
