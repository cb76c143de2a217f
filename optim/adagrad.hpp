#pragma once
/// \file Adagrad.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct AdagradOptions {
  double lr = 1e-2;                      ///< the learning rate
  double lr_decay = 0;                   ///< how fast the rate falls with the steps
  double weight_decay = 0;               ///< wd
  double initial_accumulator_value = 0;  ///< S before the first step
  double eps = 1e-10;                    ///< ε, added to the divisor

  static constexpr const char* rule = "adagrad";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Adagrad: the rate falls with the sum of squared gradients.
/// What:   g += wd θ;  S += g²;  θ −= lr / (1 + (t − 1) lr_decay) · g / (√S + ε).
/// Where √S + ε = 0, θ stays. A gradient whose square overflows T leaves S infinite and θ at rest for ever:
/// see Optimizer.
/// Source: Duchi, Hazan, Singer 2011.
/// State:  step, sum.
template <class T = float>
class Adagrad final : public OptimizerRule<T, AdagradOptions> {
 public:
  using OptimizerRule<T, AdagradOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Adagrad(const R&, const AdagradOptions& = {}) -> Adagrad<detail::parameter_type<R>>;
template <detail::NotAList M>
Adagrad(const M&, const AdagradOptions& = {}) -> Adagrad<float>;

extern template class Adagrad<float>;
extern template class Adagrad<double>;

}  // namespace unroll
