#include "unroll/layers/causal_conv1d_layer.hpp"

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/layers/init.hpp"

namespace unroll {

template <class T>
CausalConv1d<T>::CausalConv1d(index_t features, index_t taps, const CausalConv1dLayerOptions& options,
                              Generator& rng) {
  if (features < 1 || taps < 1 || options.outputs < 0) {
    raise<ShapeError>(
        "causal_conv1d layer: need at least 1 feature and tap, and no negative outputs; got {}, {} and {}",
        features, taps, options.outputs);
  }
  const bool depthwise = options.outputs == 0;
  const index_t fan = depthwise ? taps : features * taps, outputs = depthwise ? features : options.outputs;
  weight = Variable<T>::uninitialised(depthwise ? Shape{features, taps} : Shape{outputs, features, taps});
  init::fan_uniform(weight, fan, rng).requires_grad(true);
  if (!options.bias) return;
  bias = Variable<T>::uninitialised({outputs});
  init::fan_uniform(bias, fan, rng).requires_grad(true);
}

template <class T>
Convolved<T> CausalConv1d<T>::operator()(const Variable<T>& x, const Options& options) const {
  if (!weight) detail::fail_empty_layer("causal_conv1d layer");
  return causal_conv1d(x, weight, bias, options);
}

template <class T>
Convolved<T> CausalConv1d<T>::step(const Variable<T>& x, const Variable<T>& state) const {
  if (!weight) detail::fail_empty_layer("causal_conv1d layer");
  if (!x) detail::fail_empty("causal_conv1d layer", 0);
  if (!state) raise<UsageError>("causal_conv1d layer: the state is empty; initial_state(B) gives the first");
  if (x.rank() != 2) raise<ShapeError>("causal_conv1d layer: need a step x (B, I); got {}", x.shape().str());
  Convolved<T> result =
      causal_conv1d(reshape(x, {1, x.shape()[0], x.shape()[1]}), weight, bias, {.state = state});
  return {reshape(result.output, {x.shape()[0], result.output.shape()[2]}), std::move(result.state)};
}

template <class T>
Variable<T> CausalConv1d<T>::initial_state(index_t batch) const {
  if (!weight) detail::fail_empty_layer("causal_conv1d layer");
  const Shape& w = weight.shape();
  return Variable<T>({w.back(0) - 1, batch, w.back(1)}, T{0});
}

UNROLL_COMPILE_TYPES(class CausalConv1d)

}  // namespace unroll
