#include "unroll/optim/lion.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll {

void LionOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "beta1", beta1, 0, 1);
  detail::check_option(rule, "beta2", beta2, 0, 1);
  detail::check_option(rule, "weight_decay", weight_decay);
}

template <class T>
void Lion<T>::update(const typename Optimizer<T>::Update& u) {
  const LionOptions& o = this->options(u.group);
  const T lr = static_cast<T>(u.lr), keep = static_cast<T>(1 - u.lr * o.weight_decay);
  const T beta1 = static_cast<T>(o.beta1), take1 = static_cast<T>(1 - o.beta1);
  const T beta2 = static_cast<T>(o.beta2), take2 = static_cast<T>(1 - o.beta2);
  T* __restrict w = u.weight;
  T* __restrict m = u.array[0];
  const T* __restrict g = u.grad;
#pragma omp simd
  for (index_t i = 0; i < u.n; ++i) {
    const T c = beta1 * m[i] + take1 * g[i];
    const T sign = c > T{0} ? T{1} : c < T{0} ? T{-1} : c;  // 0 and NaN as they are
    w[i] = keep * w[i] - lr * sign;
    m[i] = beta2 * m[i] + take2 * g[i];
  }
}

template <class T>
typename Optimizer<T>::ArrayNames Lion<T>::array_names(std::size_t) const {
  return {"exp_avg"};
}

UNROLL_COMPILE_TYPES(class Lion)

}  // namespace unroll
