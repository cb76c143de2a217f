#pragma once
/// \file What the cells of the zoo are written with: their parameters, in blocks, and a state of two arrays. A cell is then
/// its equations and nothing else:
///
///     template <class T>
///     struct JanetCell : Weights<T, 2, Matrices<2>> {  // W, b: rows of s, then of c;  u[0]: likewise
///       using Weights<T, 2, Matrices<2>>::Weights;
///       Variable<T> step(const Variable<T>& x, const Variable<T>& h) const { … }
///     };
///
/// `step` is given x as W x + b, which is computed for all time steps at once.

#include <algorithm>
#include <array>
#include <string>

#include <unroll/autograd/functions.hpp>
#include <unroll/autograd/join.hpp>
#include <unroll/autograd/matmul.hpp>
#include <unroll/autograd/views.hpp>
#include <unroll/layers/init.hpp>
#include <unroll/layers/linear_cell.hpp>
#include <unroll/layers/recurrent.hpp>

namespace zoo {

using namespace unroll;

/// Matrices u[0], u[1], … on states: u[k] is (rows_k · H, H).
template <int... rows>
struct Matrices {
  static constexpr std::array<int, sizeof...(rows)> blocks = {rows...};
};
/// Vectors v[0], v[1], … of H numbers.
template <int n>
struct Vectors {
  static constexpr int count = n;
};

/// The parameters of a cell: W (G·H, I), b (G·H,) or empty, and those that Matrices and Vectors name.
/// Init: U(−1/√H, 1/√H) for all of them, as PyTorch does.
template <class T, int G, class M = Matrices<>, class K = Vectors<0>>
struct Weights {
  using value_type = T;
  using State = Variable<T>;
  static constexpr bool row_wise = true;
  Variable<T> w, b;
  std::array<Variable<T>, M::blocks.size()> u;
  std::array<Variable<T>, K::count> v;

  Weights(index_t input, index_t hidden, bool bias, Generator& rng) : hidden_(hidden) {
    w = draw({G * hidden, input}, rng);
    if (bias) b = draw({G * hidden}, rng);
    for (std::size_t k = 0; k < u.size(); ++k) u[k] = draw({M::blocks[k] * hidden, hidden}, rng);
    for (auto& vector : v) vector = draw({hidden}, rng);
  }

  index_t hidden_size() const { return hidden_; }
  /// W x + b.
  Variable<T> project(const Variable<T>& x) const { return linear(x, w, b); }

  template <class V>
  void visit(V&& visitor) {
    visitor("w", w), visitor("b", b);
    for (std::size_t k = 0; k < u.size(); ++k) visitor("u" + std::to_string(k), u[k]);
    for (std::size_t k = 0; k < v.size(); ++k) visitor("v" + std::to_string(k), v[k]);
  }

  /// A parameter from U(−1/√H, 1/√H).
  Variable<T> draw(const Shape& shape, Generator& rng) const {
    Variable<T> p(shape, T{0});
    return init::fan_uniform(p, hidden_, rng).requires_grad(true);
  }
  /// A parameter whose numbers are all `value`.
  static Variable<T> filled(const Shape& shape, double value) {
    return Variable<T>(shape, static_cast<T>(value)).requires_grad(true);
  }

 private:
  index_t hidden_;
};

/// The hidden state, and another array that is carried beside it.
/// Shapes: h, c (B, H).
template <class T>
struct Pair {
  Variable<T> h, c;
  template <class V>
  void visit(V&& v) {
    v("h", h), v("c", c);
  }
};

/// The same parameters for a cell with such a state.
template <class T, int G, class M = Matrices<>, class K = Vectors<0>>
struct PairWeights : Weights<T, G, M, K> {
  using State = Pair<T>;
  using Weights<T, G, M, K>::Weights;
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, this->hidden_size()}, T{0});
    return {zeros, zeros};
  }
};

}  // namespace zoo
