#include "unroll/layers/attention_pool.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <limits>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/layers/init.hpp"
#include "unroll/layers/pooling.hpp"
#include "unroll/layers/recurrent_options.hpp"

namespace unroll {

template <class T>
AttentionPool<T>::AttentionPool(index_t features, index_t size, Generator& rng) {
  if (features < 1 || size < 1)
    raise<ShapeError>("attention pool: need at least 1 feature and size; got {} and {}", features, size);
  const auto draw = [&](const Shape& shape, index_t n) {
    auto p = Variable<T>::uninitialised(shape);
    return init::fan_uniform(p, n, rng).requires_grad(true);
  };
  weight = draw({size, features}, features);
  bias = draw({size}, features);
  query = draw({1, size}, size);
}

template <class T>
Attended<T> AttentionPool<T>::operator()(const Variable<T>& y0, const Indices& lengths) const {
  if (!weight) detail::fail_empty_layer("attention pool");
  if (!y0) detail::fail_empty("attention pool", 0);
  const index_t features = weight.shape()[1];
  if (y0.rank() != 3 || y0.shape()[2] != features ||
      (lengths.size() > 0 && !(lengths.shape() == Shape{y0.shape()[1]}))) {
    raise<ShapeError>("attention pool: need y (T, B, {}) and lengths (B,) or none; got {} and {}", features,
                      y0.shape().str(), lengths.shape().str());
  }
  detail::check_lengths("attention pool", lengths, y0.shape()[0]);
  const Variable<T> y = detail::without_padding(y0, lengths);
  const Variable<T> u = tanh(linear(y, weight, bias));
  Variable<T> scores = linear(u, query);  // (T, B, 1)
  constexpr T never = -std::numeric_limits<T>::infinity();
  if (lengths.size() > 0) scores = where(length_mask<T>(lengths, y.shape()[0]), scores, never);
  const Variable<T> weights = softmax(scores, 0);
  return {sum(weights * y, {0}), transpose(reshape(weights, y.shape().without(2)), 0, 1)};
}

UNROLL_COMPILE_TYPES(class AttentionPool)

}  // namespace unroll
