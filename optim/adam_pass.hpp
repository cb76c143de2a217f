#pragma once  // internal
/// \file The pass over one parameter that Adam and AdamW have in common.

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

template <class T>
struct AdamFactors {
  T decay;  ///< added to the gradient, times θ
  T keep;   ///< θ is multiplied by it first
  T beta1, beta2, take1, take2, rate, root, epsilon;

  AdamFactors(double lr, double b1, double b2, double eps, std::uint64_t step, double l2, double keep_theta)
      : decay(static_cast<T>(l2)),
        keep(static_cast<T>(keep_theta)),
        beta1(static_cast<T>(b1)),
        beta2(static_cast<T>(b2)),
        take1(static_cast<T>(1 - b1)),
        take2(static_cast<T>(1 - b2)),
        rate(static_cast<T>(lr / (1 - std::pow(b1, static_cast<double>(step))))),
        root(static_cast<T>(1 / std::sqrt(1 - std::pow(b2, static_cast<double>(step))))),
        epsilon(static_cast<T>(eps)) {}
};

/// `largest` is null without AMSGrad.
template <class T>
void adam_pass(const AdamFactors<T> f, index_t n, T* __restrict w, const T* __restrict g, T* __restrict m,
               T* __restrict v, T* __restrict largest) {
  const auto element = [&](index_t i, T & second) __attribute__((always_inline)) {
    const T d = g[i] + f.decay * w[i];
    m[i] = f.beta1 * m[i] + f.take1 * d;
    v[i] = f.beta2 * v[i] + f.take2 * d * d;
    second = v[i] > second ? v[i] : second;
    const T divisor = std::sqrt(second) * f.root + f.epsilon;
    w[i] = f.keep * w[i] - (divisor == T{0} ? T{0} : f.rate * m[i] / divisor);
  };
  if (largest) {
#pragma omp simd
    for (index_t i = 0; i < n; ++i) element(i, largest[i]);
  } else {
#pragma omp simd
    for (index_t i = 0; i < n; ++i) {
      T second = T{0};
      element(i, second);
    }
  }
}

}  // namespace unroll::detail
