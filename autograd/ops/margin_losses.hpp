#pragma once
/// \file Losses that are 0 beyond a margin, for targets of 1 and −1.

#include "unroll/autograd/losses.hpp"

namespace unroll {

/// What:   max(0, 1 − target · prediction), reduced; slope 0 at the margin. The mask is as for mse.
/// Shapes: as mse.
/// Range:  targets 1 or −1 where the mask is not 0.
/// Errors: as mse; also UsageError for another target.
template <class T>
Variable<T> hinge_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       const detail::Same<MseOptions<T>>& options = {});
/// With a reduction alone: `hinge_loss(y, t, Reduction::sum)`.
template <class T>
Variable<T> hinge_loss(const Variable<T>& prediction, const detail::Same<Variable<T>>& target,
                       Reduction reduction) {
  return hinge_loss(prediction, target, MseOptions<T>{.reduction = reduction});
}

struct CosineEmbeddingLossOptions {
  double margin = 0;  ///< how similar vectors that do not belong together may be, −1 … 1
  Reduction reduction = Reduction::mean;  ///< of the losses of all pairs
};

/// What:   with the cosine c of the vectors a and b in the last axis: 1 − c for the target 1, max(0, c − margin) for −1.
///         A vector of 0 has the cosine 0.
/// Shapes: a and b (…, D), target (…) → () or, for none, (…).
/// Range:  targets 1 or −1.
/// Errors: ShapeError naming the three; UsageError for the margin, another target, and the mean of nothing.
/// Source: the formula of PyTorch's CosineEmbeddingLoss, which adds 1e-12 to squared lengths where this divides by lengths
///         of at least 1e-12.
template <class T>
Variable<T> cosine_embedding_loss(const Variable<T>& a, const detail::Same<Variable<T>>& b,
                                  const detail::Same<Variable<T>>& target,
                                  const CosineEmbeddingLossOptions& options = {});

/// The same for expressions.
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto hinge_loss(E&& prediction, const detail::Same<Variable<T>>& target,
                const detail::Same<MseOptions<T>>& options = {}) {
  return hinge_loss(Variable<T>(std::forward<E>(prediction)), target, options);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto hinge_loss(E&& prediction, const detail::Same<Variable<T>>& target, Reduction reduction) {
  return hinge_loss(Variable<T>(std::forward<E>(prediction)), target, reduction);
}
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto cosine_embedding_loss(E&& a, const detail::Same<Variable<T>>& b, const detail::Same<Variable<T>>& target,
                           const CosineEmbeddingLossOptions& options = {}) {
  return cosine_embedding_loss(Variable<T>(std::forward<E>(a)), b, target, options);
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto hinge_loss(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B, class... Rest>
requires detail::Mixed<A, B>
auto cosine_embedding_loss(const A& a, const B&, const Rest&...) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
