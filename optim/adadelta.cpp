#include "unroll/optim/adadelta.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace unroll {

void AdadeltaOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "rho", rho, 0, 1);
  detail::check_option(rule, "eps", eps);
  if (eps == 0) raise<UsageError>("{}: eps must be above 0, or no step is ever made; got 0", rule);
  detail::check_option(rule, "weight_decay", weight_decay);
}

template <class T>
void Adadelta<T>::update(const typename Optimizer<T>::Update& u) {
  const AdadeltaOptions& o = this->options(u.group);
  const T lr = static_cast<T>(u.lr), decay = static_cast<T>(o.weight_decay);
  const T rho = static_cast<T>(o.rho), take = static_cast<T>(1 - o.rho);
  const T epsilon = std::max(static_cast<T>(o.eps), std::numeric_limits<T>::min());  // never rounded to 0
  T* __restrict w = u.weight, * __restrict squares = u.array[0], * __restrict deltas = u.array[1];
  const T* __restrict g = u.grad;
#pragma omp simd
  for (index_t i = 0; i < u.n; ++i) {
    const T d = g[i] + decay * w[i];
    squares[i] = rho * squares[i] + take * d * d;
    const T delta = std::sqrt((deltas[i] + epsilon) / (squares[i] + epsilon)) * d;
    deltas[i] = rho * deltas[i] + take * delta * delta;
    w[i] -= lr * delta;
  }
}

template <class T>
typename Optimizer<T>::ArrayNames Adadelta<T>::array_names([[maybe_unused]] std::size_t group) const {
  return {"square_avg", "acc_delta"};
}

UNROLL_COMPILE_TYPES(class Adadelta)

}  // namespace unroll
