#pragma once  // internal
/// \file How the decays of state space models and of gated delta rules begin.

#include <cmath>

#include "unroll/autograd/variable.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll::detail {

/// A parameter of `size` numbers, each what one() gives.
template <class T, class F>
Variable<T> parameter_of(index_t size, F&& one) {
  auto p = Variable<T>::uninitialised({size});
  for (index_t k = 0; k < size; ++k) p.mutable_data()[k] = static_cast<T>(one());
  return p.requires_grad(true);
}

/// Biases whose softplus is between 0.001 and 0.1, uniform in its logarithm.
template <class T>
Variable<T> draw_step_biases(index_t size, Generator& rng) {
  return parameter_of<T>(size, [&] {
    const double step = std::exp(rng.uniform(std::log(0.001), std::log(0.1)));
    return std::log(std::expm1(step));  // softplus of it is the step
  });
}

/// Logarithms of rates from U(1, 16).
template <class T>
Variable<T> draw_log_rates(index_t size, Generator& rng) {
  return parameter_of<T>(size, [&] { return std::log(rng.uniform(1, 16)); });
}

}  // namespace unroll::detail
