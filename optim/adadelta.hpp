#pragma once
/// \file Adadelta.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct AdadeltaOptions {
  double lr = 1;            ///< the learning rate, a factor on Δ
  double rho = 0.9;         ///< ρ, how slowly the means of squares forget
  double eps = 1e-6;        ///< ε > 0, added to the means of squares; with 0 no step would ever be made
  double weight_decay = 0;  ///< wd

  static constexpr const char* rule = "adadelta";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Adadelta: steps scaled by the ratio of past updates and gradients.
/// What:   g += wd θ;  v = ρ v + (1 − ρ) g²;  Δ = √(u + ε) / √(v + ε) · g;  u = ρ u + (1 − ρ) Δ²;  θ −= lr Δ.
/// A gradient whose square overflows T leaves v infinite and θ at rest for ever: see Optimizer.
/// Source: Zeiler 2012.
/// State:  step, square_avg, acc_delta.
template <class T = float>
class Adadelta final : public OptimizerRule<T, AdadeltaOptions> {
 public:
  using OptimizerRule<T, AdadeltaOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Adadelta(const R&, const AdadeltaOptions& = {}) -> Adadelta<detail::parameter_type<R>>;
template <detail::NotAList M>
Adadelta(const M&, const AdadeltaOptions& = {}) -> Adadelta<float>;

extern template class Adadelta<float>;
extern template class Adadelta<double>;

}  // namespace unroll
