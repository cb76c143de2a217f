#include "unroll/layers/linear_layer.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/layers/init.hpp"

namespace unroll {

template <class T>
Linear<T>::Linear(index_t inputs, index_t outputs, const LinearOptions& options, Generator& rng) {
  if (inputs < 1 || outputs < 1) {
    raise<ShapeError>("linear layer: need at least 1 input and output; got {} and {}", inputs, outputs);
  }
  weight = Variable<T>::uninitialised({outputs, inputs});
  init::fan_uniform(weight, inputs, rng).requires_grad(true);
  if (!options.bias) return;
  bias = Variable<T>::uninitialised({outputs});
  init::fan_uniform(bias, inputs, rng).requires_grad(true);
}

UNROLL_COMPILE_TYPES(class Linear)

}  // namespace unroll
