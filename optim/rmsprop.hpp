#pragma once
/// \file RMSprop.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct RmsPropOptions {
  double lr = 1e-2;         ///< the learning rate
  double alpha = 0.99;      ///< α, how slowly the mean of squares forgets
  double eps = 1e-8;        ///< ε, added to the divisor
  double weight_decay = 0;  ///< wd
  double momentum = 0;      ///< μ
  bool centered = false;    ///< divides by the standard deviation instead

  static constexpr const char* rule = "rmsprop";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// RMSprop: gradients divided by the root of their mean square.
/// What:   g += wd θ;  v = α v + (1 − α) g²;  d = √v + ε, or centered a = α a + (1 − α) g, d = √(v − a²) + ε;
///         θ −= lr g / d, or with momentum b = μ b + g / d, θ −= lr b.
/// Where the divisor is 0, which needs ε = 0, g / d counts as 0. A gradient whose square overflows T leaves v
/// infinite and θ at rest for ever: see Optimizer.
/// Source: Tieleman and Hinton 2012; Graves 2013 (centered).
/// State:  step, square_avg, momentum_buffer, grad_avg.
template <class T = float>
class RmsProp final : public OptimizerRule<T, RmsPropOptions> {
 public:
  using OptimizerRule<T, RmsPropOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
RmsProp(const R&, const RmsPropOptions& = {}) -> RmsProp<detail::parameter_type<R>>;
template <detail::NotAList M>
RmsProp(const M&, const RmsPropOptions& = {}) -> RmsProp<float>;

extern template class RmsProp<float>;
extern template class RmsProp<double>;

}  // namespace unroll
