#pragma once
/// \file Losses of predicted log-probabilities.

#include "unroll/autograd/losses.hpp"

namespace unroll {

struct NllLossOptions {
  std::vector<double> weight = {};        ///< w, of each class; empty: 1
  std::int64_t ignore_index = -100;       ///< targets that count neither in the loss nor in the mean
  Reduction reduction = Reduction::mean;  ///< of the losses of all rows
};

/// What:   −w_target ln p_target of log-probabilities ln p; `mean` is the sum divided by that of w_target over the targets
///         that are not ignored, and NaN where that is 0. cross_entropy(x, …) is nll_loss(log_softmax(x), …) in one pass.
/// Shapes: log_probs (…, V), targets (…) → () or, for none, (…); weight has V elements or none.
/// Range:  targets 0 … V − 1 or ignore_index. A row that is ignored, or has weight 0, has loss and gradient 0.
/// Errors: ShapeError; IndexError naming position, value and range; UsageError for a weight that is negative or not finite.
/// Source: the formula of PyTorch's NLLLoss, with the classes last.
template <class T>
Variable<T> nll_loss(const Variable<T>& log_probs, const Indices& targets,
                     const NllLossOptions& options = {});
/// With a reduction alone: `nll_loss(x, targets, Reduction::sum)`.
template <class T>
Variable<T> nll_loss(const Variable<T>& log_probs, const Indices& targets, Reduction reduction) {
  return nll_loss(log_probs, targets, NllLossOptions{.reduction = reduction});
}

template <class T>
struct KlDivOptions {
  Reduction reduction = Reduction::mean;  ///< of the terms of the elements that count
  bool log_target = false;                ///< whether the target is ln t, too
  Variable<T> mask = {};                  ///< 0 where an element does not count; empty: all count
};

/// What:   t (ln t − prediction) for a target t and a prediction that is a logarithm, reduced; 0 where t is 0, whatever
///         the prediction. `mean` is over elements; for the mean of divergences take Reduction::sum and divide by the number
///         of distributions, as PyTorch's batchmean does. The mask is as for mse.
/// Shapes, errors: as mse.
/// Units:  nats.
/// Source: the formula of PyTorch's KLDivLoss.
template <class T>
Variable<T> kl_div(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                   const detail::Same<KlDivOptions<T>>& options = {});
/// With a reduction alone: `kl_div(y, t, Reduction::sum)`.
template <class T>
Variable<T> kl_div(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                   Reduction reduction) {
  return kl_div(prediction, target, KlDivOptions<T>{.reduction = reduction});
}

/// The same for expressions.
template <detail::Lazy E>
auto nll_loss(E&& log_probs, const Indices& targets, const NllLossOptions& options = {}) {
  return nll_loss(Variable(std::forward<E>(log_probs)), targets, options);
}
template <detail::Lazy E>
auto nll_loss(E&& log_probs, const Indices& targets, Reduction reduction) {
  return nll_loss(Variable(std::forward<E>(log_probs)), targets, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto kl_div(E&& prediction, const detail::Same<Variable<T>>& target,
            const detail::Same<KlDivOptions<T>>& options = {}) {
  return kl_div(Variable<T>(std::forward<E>(prediction)), target, options);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto kl_div(E&& prediction, const detail::Same<Variable<T>>& target, Reduction reduction) {
  return kl_div(Variable<T>(std::forward<E>(prediction)), target, reduction);
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto kl_div(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
