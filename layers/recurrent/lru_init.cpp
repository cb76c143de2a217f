#include "unroll/layers/lru.hpp"

#include <cmath>

#include "unroll/autograd/creation.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

template <class T>
void detail::draw_eigenvalues(Variable<T>& nu, Variable<T>& theta, index_t count, const LruOptions& o,
                              Generator& rng) {
  if (!(o.r_min >= 0 && o.r_min < o.r_max && o.r_max < 1 && o.max_phase > 0))
    raise<UsageError>("lru: need 0 ≤ r_min < r_max < 1 and max_phase > 0; got {}, {} and {}", o.r_min,
                      o.r_max, o.max_phase);
  nu = Variable<T>::uninitialised({count});
  theta = Variable<T>::uninitialised({count});
  for (index_t k = 0; k < count; ++k) {
    // In (0, 1): neither a radius of 1 nor an angle whose logarithm is −∞.
    const double u = 1 - rng.uniform(), v = 1 - rng.uniform();
    const double square = u * (o.r_max * o.r_max - o.r_min * o.r_min) + o.r_min * o.r_min;
    nu.mutable_data()[k] = static_cast<T>(std::log(-0.5 * std::log(square)));
    theta.mutable_data()[k] = static_cast<T>(std::log(v * o.max_phase));
  }
  nu.requires_grad(true);
  theta.requires_grad(true);
}

template <class T>
LruCell<T>::LruCell(index_t input, index_t hidden, const LruOptions& options, Generator& rng) {
  const index_t size = options.state_size == 0 ? hidden : options.state_size;
  detail::check_sizes({{"input", input}, {"hidden", hidden}, {"state_size", size}});
  detail::draw_eigenvalues(nu, theta, size, options, rng);
  gamma = Variable<T>::uninitialised({size});
  for (index_t k = 0; k < size; ++k)
    gamma.mutable_data()[k] =
        static_cast<T>(0.5 * std::log(-std::expm1(-2 * std::exp(double{nu.data()[k]}))));
  gamma.requires_grad(true);
  const auto normal = [&](const Shape& shape, double variance) {
    return randn<T>(shape, rng, 0, std::sqrt(variance)).requires_grad(true);
  };
  weight_b = normal({2 * size, input}, 0.5 / static_cast<double>(input));
  weight_c_re = normal({hidden, size}, 1 / static_cast<double>(size));
  weight_c_im = normal({hidden, size}, 1 / static_cast<double>(size));
  if (input == hidden) d = normal({hidden}, 1);
}

#define UNROLL_COMPILE_LRU(T)                                                                    \
  template void detail::draw_eigenvalues(Variable<T>&, Variable<T>&, index_t, const LruOptions&, \
                                         Generator&);                                            \
  template LruCell<T>::LruCell(index_t, index_t, const LruOptions&, Generator&);
UNROLL_COMPILE_LRU(float)
UNROLL_COMPILE_LRU(double)

}  // namespace unroll
