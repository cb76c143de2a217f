#include "unroll/detail/layers/attention/scores.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/init.hpp"

namespace unroll {
namespace {

template <class T>
Variable<T> draw(index_t outputs, index_t inputs, Generator& rng) {
  auto weight = Variable<T>::uninitialised({outputs, inputs});
  return init::fan_uniform(weight, inputs, rng).requires_grad(true);
}

index_t hidden_of(const AttentionSizes& sizes) { return sizes.hidden > 0 ? sizes.hidden : sizes.query; }

}  // namespace

// --- dot: the keys of the products are stored transposed, (B, E, S), as matmul takes them ---

template <class T>
DotScore<T>::DotScore(const AttentionSizes& sizes, Generator&) {
  if (sizes.query != sizes.memory) {
    raise<ShapeError>("attention: dot needs queries and memory of one size; got {} and {}", sizes.query,
                      sizes.memory);
  }
}
template <class T>
Variable<T> DotScore<T>::keys(const Variable<T>& values) const {
  return transpose(values, 1, 2);
}
template <class T>
Variable<T> DotScore<T>::operator()(const Variable<T>& query, const Variable<T>& keys) const {
  return matmul(query, keys);
}

// --- general ---

template <class T>
GeneralScore<T>::GeneralScore(const AttentionSizes& sizes, Generator& rng)
    : weight(draw<T>(sizes.query, sizes.memory, rng)) {}
template <class T>
Variable<T> GeneralScore<T>::keys(const Variable<T>& values) const {
  return transpose(Variable<T>(linear(values, weight)), 1, 2);
}
template <class T>
Variable<T> GeneralScore<T>::operator()(const Variable<T>& query, const Variable<T>& keys) const {
  return matmul(query, keys);
}

// --- additive ---

template <class T>
AdditiveScore<T>::AdditiveScore(const AttentionSizes& sizes, Generator& rng)
    : weight_query(draw<T>(hidden_of(sizes), sizes.query, rng)),
      weight_key(draw<T>(hidden_of(sizes), sizes.memory, rng)),
      v(draw<T>(1, hidden_of(sizes), rng)) {}
template <class T>
Variable<T> AdditiveScore<T>::keys(const Variable<T>& values) const {
  return linear(values, weight_key);
}
template <class T>
Variable<T> AdditiveScore<T>::operator()(const Variable<T>& query, const Variable<T>& keys) const {
  const Variable<T> wq = linear(query, weight_query);
  const index_t batch = wq.shape()[0], queries = wq.shape()[1], hidden = wq.shape()[2],
                steps = keys.shape()[1];
  const Variable<T> t =
      tanh(reshape(wq, {batch, queries, 1, hidden}) + reshape(keys, {batch, 1, steps, hidden}));
  return reshape(linear(t, v), {batch, queries, steps});
}

// --- scaled dot product ---

template <class T>
ScaledDotScore<T>::ScaledDotScore(const AttentionSizes& sizes, Generator& rng)
    : weight_query(draw<T>(hidden_of(sizes), sizes.query, rng)),
      weight_key(draw<T>(hidden_of(sizes), sizes.memory, rng)) {}
template <class T>
Variable<T> ScaledDotScore<T>::keys(const Variable<T>& values) const {
  const double scale = 1 / std::sqrt(static_cast<double>(weight_key.shape()[0]));
  return transpose(Variable<T>(linear(values, weight_key) * scale), 1, 2);
}
template <class T>
Variable<T> ScaledDotScore<T>::operator()(const Variable<T>& query, const Variable<T>& keys) const {
  return matmul(linear(query, weight_query), keys);
}

UNROLL_COMPILE_TYPES(struct DotScore, struct GeneralScore, struct AdditiveScore, struct ScaledDotScore)

}  // namespace unroll
