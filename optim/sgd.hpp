#pragma once
/// \file Sgd: gradient descent, with momentum.

#include "unroll/optim/optimizer.hpp"

namespace unroll {

struct SgdOptions {
  double lr = 1e-3;         ///< the learning rate
  double momentum = 0;      ///< μ
  double dampening = 0;     ///< of what is added to the momentum
  double weight_decay = 0;  ///< wd
  bool nesterov = false;    ///< needs momentum and no dampening

  static constexpr const char* rule = "sgd";
  /// Errors: UsageError naming the option that is out of range.
  void check_options() const;
};

/// Gradient descent, with momentum where asked for.
/// What:   g += wd θ;  b = g at first, then b = μ b + (1 − dampening) g;  d = g + μ b with Nesterov, else b;
///         θ −= lr d.
/// Source: PyTorch's SGD; Sutskever et al. 2013.
/// State:  momentum_buffer.
template <class T = float>
class Sgd final : public OptimizerRule<T, SgdOptions> {
 public:
  using OptimizerRule<T, SgdOptions>::OptimizerRule;

 protected:
  void update(const typename Optimizer<T>::Update& u) override;
  typename Optimizer<T>::ArrayNames array_names(std::size_t group) const override;
};
template <ParameterList R>
Sgd(const R&, const SgdOptions& = {}) -> Sgd<detail::parameter_type<R>>;
template <detail::NotAList M>
Sgd(const M&, const SgdOptions& = {}) -> Sgd<float>;

extern template class Sgd<float>;
extern template class Sgd<double>;

}  // namespace unroll
