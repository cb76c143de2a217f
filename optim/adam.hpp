#pragma once
/// \file Adam.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct AdamOptions {
  double lr = 1e-3;                   ///< the learning rate
  double beta1 = 0.9, beta2 = 0.999;  ///< β₁ and β₂, how slowly the means forget
  double eps = 1e-8;                  ///< ε, added to the divisor
  double weight_decay = 0;            ///< wd
  bool amsgrad = false;               ///< divides by the largest v so far

  static constexpr const char* rule = "adam";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Adam: means of the gradient and of its square.
/// What:   g += wd θ;  m = β₁ m + (1 − β₁) g;  v = β₂ v + (1 − β₂) g²;
///         θ −= lr / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε), with AMSGrad √ of the largest v so far.
/// Where the divisor is 0, which needs ε = 0, θ stays. A gradient whose square overflows T leaves v infinite
/// and θ at rest for ever: see Optimizer.
/// Source: Kingma and Ba 2015; Reddi et al. 2018.
/// State:  step, exp_avg, exp_avg_sq, max_exp_avg_sq.
template <class T = float>
class Adam final : public OptimizerRule<T, AdamOptions> {
 public:
  using OptimizerRule<T, AdamOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Adam(const R&, const AdamOptions& = {}) -> Adam<detail::parameter_type<R>>;
template <detail::NotAList M>
Adam(const M&, const AdamOptions& = {}) -> Adam<float>;

extern template class Adam<float>;
extern template class Adam<double>;

}  // namespace unroll
