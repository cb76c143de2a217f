#pragma once
/// \file AdamW: Adam with weight decay apart from the gradient.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct AdamWOptions {
  double lr = 1e-3;                   ///< the learning rate
  double beta1 = 0.9, beta2 = 0.999;  ///< β₁ and β₂, how slowly the means forget
  double eps = 1e-8;                  ///< ε, added to the divisor
  double weight_decay = 1e-2;         ///< wd
  bool amsgrad = false;               ///< divides by the largest v so far

  static constexpr const char* rule = "adamw";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Adam with decoupled weight decay.
/// What:   θ *= 1 − lr wd, then Adam's update with the gradient as it is; what is said there of ε = 0 and of
///         gradients too large holds here.
/// Source: Loshchilov and Hutter 2019.
/// State:  as Adam's.
template <class T = float>
class AdamW final : public OptimizerRule<T, AdamWOptions> {
 public:
  using OptimizerRule<T, AdamWOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
AdamW(const R&, const AdamWOptions& = {}) -> AdamW<detail::parameter_type<R>>;
template <detail::NotAList M>
AdamW(const M&, const AdamWOptions& = {}) -> AdamW<float>;

extern template class AdamW<float>;
extern template class AdamW<double>;

}  // namespace unroll
