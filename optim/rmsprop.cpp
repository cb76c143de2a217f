#include "unroll/optim/rmsprop.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

namespace unroll {

void RmsPropOptions::check_options() const {
  detail::check_option(rule, "lr", lr);
  detail::check_option(rule, "alpha", alpha, 0, 1);
  detail::check_option(rule, "eps", eps);
  detail::check_option(rule, "weight_decay", weight_decay);
  detail::check_option(rule, "momentum", momentum);
}

namespace {

struct Factors {
  double lr, alpha, eps, decay, momentum;
};

template <bool centered, bool momentum, class T>
void pass(const Factors& factors, index_t n, T* __restrict w, const T* __restrict g, T* __restrict v,
          T* __restrict b, T* __restrict a) {
  const T lr = static_cast<T>(factors.lr), decay = static_cast<T>(factors.decay);
  const T alpha = static_cast<T>(factors.alpha), take = static_cast<T>(1 - factors.alpha);
  const T epsilon = static_cast<T>(factors.eps), mu = static_cast<T>(factors.momentum);
#pragma omp simd
  for (index_t i = 0; i < n; ++i) {
    const T d = g[i] + decay * w[i];
    v[i] = alpha * v[i] + take * d * d;
    T variance = v[i];
    if constexpr (centered) {
      a[i] = alpha * a[i] + take * d;
      variance = v[i] - a[i] * a[i];
      variance = variance < T{0} ? T{0} : variance;  // by rounding only; NaN stays
    }
    const T divisor = std::sqrt(variance) + epsilon;
    const T scaled = divisor == T{0} ? T{0} : d / divisor;
    if constexpr (momentum) {
      b[i] = mu * b[i] + scaled;
      w[i] -= lr * b[i];
    } else {
      w[i] -= lr * scaled;
    }
  }
}

}  // namespace

template <class T>
void RmsProp<T>::update(const typename Optimizer<T>::Update& u) {
  const RmsPropOptions& o = this->options(u.group);
  const Factors f{u.lr, o.alpha, o.eps, o.weight_decay, o.momentum};
  const auto chosen = o.centered ? (o.momentum > 0 ? pass<true, true, T> : pass<true, false, T>)
                                 : (o.momentum > 0 ? pass<false, true, T> : pass<false, false, T>);
  chosen(f, u.n, u.weight, u.grad, u.array[0], u.array[1], u.array[2]);
}

template <class T>
typename Optimizer<T>::ArrayNames RmsProp<T>::array_names([[maybe_unused]] std::size_t group) const {
  const RmsPropOptions& o = this->options(group);
  return {"square_avg", o.momentum > 0 ? "momentum_buffer" : nullptr, o.centered ? "grad_avg" : nullptr};
}

UNROLL_COMPILE_TYPES(class RmsProp)

}  // namespace unroll
