#pragma once
/// \file Lion: steps by the sign of a momentum.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct LionOptions {
  double lr = 1e-4;                  ///< the learning rate; three to ten times smaller than Adam's
  double beta1 = 0.9, beta2 = 0.99;  ///< β₁ of the step, β₂ of what is remembered
  double weight_decay = 0;           ///< wd; three to ten times larger than AdamW's, for the same lr wd

  static constexpr const char* rule = "lion";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Lion: every weight moves by lr, up or down.
/// What:   θ *= 1 − lr wd;  θ −= lr sign(β₁ m + (1 − β₁) g);  m = β₂ m + (1 − β₂) g.
/// Where the sum is 0, θ only decays; where it is NaN, θ becomes NaN.
/// Source: Chen et al. 2023, "Symbolic discovery of optimization algorithms".
/// State:  step, exp_avg.
template <class T = float>
class Lion final : public OptimizerRule<T, LionOptions> {
 public:
  using OptimizerRule<T, LionOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Lion(const R&, const LionOptions& = {}) -> Lion<detail::parameter_type<R>>;
template <detail::NotAList M>
Lion(const M&, const LionOptions& = {}) -> Lion<float>;

extern template class Lion<float>;
extern template class Lion<double>;

}  // namespace unroll
