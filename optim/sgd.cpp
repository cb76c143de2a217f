#include "unroll/optim/sgd.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

namespace unroll {

void SgdOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "momentum", momentum);
  detail::check_option(rule, "weight_decay", weight_decay);
  if (!std::isfinite(dampening)) raise<UsageError>("sgd: dampening must be finite; got {}", dampening);
  if (nesterov && (momentum == 0 || dampening != 0)) {
    raise<UsageError>(
        "sgd: nesterov needs a momentum above 0 and no dampening; got momentum {}, dampening {}", momentum,
        dampening);
  }
}

template <class T>
void Sgd<T>::update(const typename Optimizer<T>::Update& u) {
  const SgdOptions& o = this->options(u.group);
  const T lr = static_cast<T>(u.lr), decay = static_cast<T>(o.weight_decay);
  T* __restrict w = u.weight;
  const T* __restrict g = u.grad;
  if (o.momentum == 0) {
#pragma omp simd
    for (index_t i = 0; i < u.n; ++i) w[i] -= lr * (g[i] + decay * w[i]);
    return;
  }
  // The buffer begins as zeros: with a factor of 1 it becomes the first gradient.
  const T mu = static_cast<T>(o.momentum);
  const T take = u.step == 1 ? T{1} : static_cast<T>(1 - o.dampening);
  T* __restrict b = u.array[0];
  if (o.nesterov) {
#pragma omp simd
    for (index_t i = 0; i < u.n; ++i) {
      const T d = g[i] + decay * w[i];
      b[i] = mu * b[i] + take * d;
      w[i] -= lr * (d + mu * b[i]);
    }
  } else {
#pragma omp simd
    for (index_t i = 0; i < u.n; ++i) {
      b[i] = mu * b[i] + take * (g[i] + decay * w[i]);
      w[i] -= lr * b[i];
    }
  }
}

template <class T>
typename Optimizer<T>::ArrayNames Sgd<T>::array_names([[maybe_unused]] std::size_t group) const {
  return {this->options(group).momentum == 0 ? nullptr : "momentum_buffer"};
}

UNROLL_COMPILE_TYPES(class Sgd)

}  // namespace unroll
