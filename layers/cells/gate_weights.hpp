#pragma once
/// \file The parameters that gated cells share: G blocks of H rows for input and hidden state.

#include <initializer_list>
#include <utility>

#include "unroll/autograd/functions.hpp"
#include "unroll/layers/init.hpp"

namespace unroll {

namespace detail {

/// Errors: ShapeError for a size below 1, or so large that sizes made of it would overflow.
inline void check_sizes(std::initializer_list<std::pair<const char*, index_t>> sizes) {
  for (const auto& [name, size] : sizes)
    if (size < 1 || size > index_t{1} << 40)
      raise<ShapeError>("cell: need {} from 1 to 2^40; got {}", name, size);
}

/// A parameter from U(−1/√H, 1/√H).
template <class T>
Variable<T> draw(const Shape& shape, index_t hidden, Generator& rng) {
  auto p = Variable<T>::uninitialised(shape);
  return init::fan_uniform(p, hidden, rng).requires_grad(true);
}

}  // namespace detail

/// What:   weight_ih (G·H, I), weight_hh (G·H, H), bias_ih and bias_hh (G·H,), the biases empty without bias.
/// Init:   U(−1/√H, 1/√H) for all of them, as PyTorch does.
template <class T, int G>
struct GateWeights {
  using value_type = T;
  Variable<T> weight_ih, weight_hh, bias_ih, bias_hh;

  GateWeights() = default;
  GateWeights(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : GateWeights(input, hidden, hidden, bias, rng) {}

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[0] / G; }

  /// Zeros (B, H): the state of cells that carry nothing but h.
  Variable<T> initial_state(index_t batch) const { return Variable<T>({batch, hidden_size()}, T{0}); }

  /// W_ih x + b_ih + b_hh for any number of rows of x.
  Variable<T> project(const Variable<T>& x) const {
    return bias_ih ? linear(x, weight_ih, bias_ih + bias_hh) : linear(x, weight_ih);
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias_ih", bias_ih);
    v("bias_hh", bias_hh);
  }

 protected:
  /// For cells whose h has `output` elements where the gates have `hidden`: weight_hh is (G·H, output).
  GateWeights(index_t input, index_t hidden, index_t output, bool bias, Generator& rng) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}, {"output", output}});
    weight_ih = detail::draw<T>({G * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({G * hidden, output}, hidden, rng);
    if (!bias) return;
    bias_ih = detail::draw<T>({G * hidden}, hidden, rng);
    bias_hh = detail::draw<T>({G * hidden}, hidden, rng);
  }
};

}  // namespace unroll
