#pragma once
/// \file Random inputs of the workloads, and the operations that their products take.

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/random.hpp"
#include "unroll/autograd/variable.hpp"

namespace bench {

using unroll::Generator;
using unroll::index_t;
using unroll::Indices;
using unroll::Shape;
using unroll::Variable;

template <class T>
Variable<T> uniform(const Shape& shape, Generator& rng, bool requires_grad = false) {
  auto v = Variable<T>::uninitialised(shape);
  rng.fill_uniform(std::span<T>(v.mutable_data(), static_cast<std::size_t>(v.size())), -0.5, 0.5);
  return v.requires_grad(requires_grad);
}

inline Indices tokens(const Shape& shape, index_t vocabulary, Generator& rng) {
  std::vector<std::int64_t> values(static_cast<std::size_t>(shape.size()));
  for (auto& v : values) v = static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(vocabulary)));
  return Indices(shape, values);
}

/// Sizes of a recurrent layer over a batch of sequences.
struct LayerSizes {
  index_t gates, input, hidden, batch, steps;
};
/// Operations of its products forward and backward.
inline double layer_flops(const LayerSizes& s, bool input_gradient) {
  const double gates = 2.0 * static_cast<double>(s.steps * s.batch * s.gates * s.hidden);
  return gates *
         (3 * static_cast<double>(s.hidden) + (input_gradient ? 3 : 2) * static_cast<double>(s.input));
}
/// Operations of one linear layer over `rows` rows, forward and backward.
inline double linear_flops(index_t rows, index_t inputs, index_t outputs) {
  return 6.0 * static_cast<double>(rows * inputs * outputs);
}

}  // namespace bench
