#include "unroll/optim/adamw.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/detail/optim/adam_pass.hpp"

namespace unroll {

void AdamWOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "beta1", beta1, 0, 1);
  detail::check_option(rule, "beta2", beta2, 0, 1);
  detail::check_option(rule, "eps", eps);
  detail::check_option(rule, "weight_decay", weight_decay);
}

template <class T>
void AdamW<T>::update(const typename Optimizer<T>::Update& u) {
  const AdamWOptions& o = this->options(u.group);
  const detail::AdamFactors<T> f(u.lr, o.beta1, o.beta2, o.eps, u.step, 0, 1 - u.lr * o.weight_decay);
  detail::adam_pass(f, u.n, u.weight, u.grad, u.array[0], u.array[1], u.array[2]);
}

template <class T>
typename Optimizer<T>::ArrayNames AdamW<T>::array_names([[maybe_unused]] std::size_t group) const {
  return {"exp_avg", "exp_avg_sq", this->options(group).amsgrad ? "max_exp_avg_sq" : nullptr};
}

UNROLL_COMPILE_TYPES(class AdamW)

}  // namespace unroll
