#pragma once
/// \file Losses of predicted numbers.

#include "unroll/autograd/losses.hpp"

namespace unroll {

/// What:   |prediction − target|, reduced; slope 0 where they are equal. The mask is as for mse.
/// Shapes, errors: as mse.
template <class T>
Variable<T> l1_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                    const detail::Same<MseOptions<T>>& options = {});
/// With a reduction alone: `l1_loss(y, t, Reduction::sum)`.
template <class T>
Variable<T> l1_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                    Reduction reduction) {
  return l1_loss(prediction, target, MseOptions<T>{.reduction = reduction});
}

template <class T>
struct HuberLossOptions {
  Reduction reduction = Reduction::mean;  ///< of the losses of the elements that count
  double delta = 1;                       ///< δ: where the loss goes over from a parabola to a line
  Variable<T> mask = {};                  ///< 0 where an element does not count; empty: all count
};

/// What:   with r = prediction − target: ½ r² for |r| ≤ δ, else δ (|r| − ½ δ), reduced. The mask is as for mse.
/// Shapes, errors: as mse; also UsageError for δ ≤ 0.
/// Source: the formula of PyTorch's HuberLoss.
template <class T>
Variable<T> huber_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       const detail::Same<HuberLossOptions<T>>& options = {});
/// With a reduction alone: `huber_loss(y, t, Reduction::sum)`.
template <class T>
Variable<T> huber_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       Reduction reduction) {
  return huber_loss(prediction, target, HuberLossOptions<T>{.reduction = reduction});
}

template <class T>
struct GaussianNllLossOptions {
  bool full = false;                      ///< with the constant ½ ln 2π
  double eps = 1e-6;                      ///< the least variance
  Reduction reduction = Reduction::mean;  ///< of the losses of the elements that count
  Variable<T> mask = {};                  ///< 0 where an element does not count; empty: all count
};

/// What:   ½ (ln v + (prediction − target)² / v) with v = max(variance, eps), reduced: how unlikely the target is for a
///         normal distribution with this mean and variance. Below eps the slope is that at eps, so that a variance can grow
///         again. The mask is as for mse.
/// Shapes: prediction and target the same; the variance, like the mask, broadcasts to it.
/// Errors: as mse; also UsageError for eps < 0 and for a negative variance.
/// Source: the formula of PyTorch's GaussianNLLLoss.
template <class T>
Variable<T> gaussian_nll_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                              const detail::Same<Variable<T>>& variance,
                              const detail::Same<GaussianNllLossOptions<T>>& options = {});

/// The same for expressions.
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto l1_loss(E&& prediction, const detail::Same<Variable<T>>& target,
             const detail::Same<MseOptions<T>>& options = {}) {
  return l1_loss(Variable<T>(std::forward<E>(prediction)), target, options);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto l1_loss(E&& prediction, const detail::Same<Variable<T>>& target, Reduction reduction) {
  return l1_loss(Variable<T>(std::forward<E>(prediction)), target, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto huber_loss(E&& prediction, const detail::Same<Variable<T>>& target,
                const detail::Same<HuberLossOptions<T>>& options = {}) {
  return huber_loss(Variable<T>(std::forward<E>(prediction)), target, options);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto huber_loss(E&& prediction, const detail::Same<Variable<T>>& target, Reduction reduction) {
  return huber_loss(Variable<T>(std::forward<E>(prediction)), target, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto gaussian_nll_loss(E&& prediction, const detail::Same<Variable<T>>& target,
                       const detail::Same<Variable<T>>& variance,
                       const detail::Same<GaussianNllLossOptions<T>>& options = {}) {
  return gaussian_nll_loss(Variable<T>(std::forward<E>(prediction)), target, variance, options);
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto l1_loss(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto huber_loss(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto gaussian_nll_loss(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
