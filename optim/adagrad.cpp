#include "unroll/optim/adagrad.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

namespace unroll {

void AdagradOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "lr_decay", lr_decay);
  detail::check_option(rule, "eps", eps);
  detail::check_option(rule, "weight_decay", weight_decay);
  detail::check_option(rule, "initial_accumulator_value", initial_accumulator_value);
}

template <class T>
void Adagrad<T>::update(const typename Optimizer<T>::Update& u) {
  const AdagradOptions& o = this->options(u.group);
  const T rate = static_cast<T>(u.lr / (1 + static_cast<double>(u.step - 1) * o.lr_decay));
  const T decay = static_cast<T>(o.weight_decay), epsilon = static_cast<T>(o.eps);
  T* __restrict w = u.weight, * __restrict sum = u.array[0];
  const T* __restrict g = u.grad;
  if (u.step == 1) std::fill_n(sum, u.n, static_cast<T>(o.initial_accumulator_value));
#pragma omp simd
  for (index_t i = 0; i < u.n; ++i) {
    const T d = g[i] + decay * w[i];
    sum[i] += d * d;
    const T divisor = std::sqrt(sum[i]) + epsilon;
    w[i] -= divisor == T{0} ? T{0} : rate * d / divisor;
  }
}

template <class T>
typename Optimizer<T>::ArrayNames Adagrad<T>::array_names([[maybe_unused]] std::size_t group) const {
  return {"sum"};
}

UNROLL_COMPILE_TYPES(class Adagrad)

}  // namespace unroll
