#include "unroll/layers/rg_lru.hpp"

#include <cmath>

#include "unroll/autograd/creation.hpp"

namespace unroll {

template <class T>
RgLruCell<T>::RgLruCell(index_t input, index_t hidden, const RgLruOptions& o, Generator& rng) {
  detail::check_sizes({{"input", input}, {"hidden", hidden}, {"heads", o.heads}});
  if (input != hidden || hidden % o.heads != 0)
    raise<ShapeError>(
        "rg_lru: need an input of the hidden size, a multiple of the heads; got input {}, hidden {}, heads "
        "{}",
        input, hidden, o.heads);
  if (!(o.r_min > 0 && o.r_min < o.r_max && o.r_max < 1))
    raise<UsageError>("rg_lru: need 0 < r_min < r_max < 1; got {} and {}", o.r_min, o.r_max);
  const index_t block = hidden / o.heads;
  weight_gates = detail::draw<T>({2, o.heads, block, block}, block, rng);
  bias_gates = detail::draw<T>({2 * hidden}, block, rng);
  lambda = Variable<T>::uninitialised({hidden});
  for (index_t k = 0; k < hidden; ++k) {
    const double square = rng.uniform(o.r_min * o.r_min, o.r_max * o.r_max);
    // softplus(Λ) = −log r
    lambda.mutable_data()[k] = static_cast<T>(std::log(std::expm1(-0.5 * std::log(square))));
  }
  lambda.requires_grad(true);
}

template RgLruCell<float>::RgLruCell(index_t, index_t, const RgLruOptions&, Generator&);
template RgLruCell<double>::RgLruCell(index_t, index_t, const RgLruOptions&, Generator&);

}  // namespace unroll
