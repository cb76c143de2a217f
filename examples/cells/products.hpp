#pragma once
/// \file Simple networks made richer: with products of input and state, more depth in a step, or a slow context.

#include "cells/weights.hpp"

namespace zoo {

/// The recurrent highway network of depth two: two layers with highway gates between one time step and the next.
/// What:   n, t = W x + U_1 h + b_1;  s = σ(t) ⊙ tanh(n) + (1 − σ(t)) ⊙ h;
///         n, t = U_2 s + b_2;        h' = σ(t) ⊙ tanh(n) + (1 − σ(t)) ⊙ s.
/// Source: Zilly, Srivastava, Koutník, Schmidhuber 2017, with coupled gates.
template <class T>
struct RhnCell : Weights<T, 2, Matrices<2, 2>, Vectors<2>> {
  using Weights<T, 2, Matrices<2, 2>, Vectors<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_1, u_2] = this->u;
    const auto& [b_n, b_t] = this->v;
    Variable first = x + linear(h, u_1);
    auto [n_1, t_1] = chunk<2>(first);
    Variable s = lerp(h, tanh(n_1), sigmoid(t_1));
    auto [n_2, t_2] = chunk<2>(linear(s, u_2));
    return lerp(s, tanh(n_2 + b_n), sigmoid(t_2 + b_t));
  }
};

/// The structurally constrained network: beside the hidden units, slow ones that are a running mean of the input.
/// What:   s' = (1 − α) B x + α s;  z' = σ(P s' + A x + R z), α = 0.95. The output, which is the state, is [z; s], which a
///         linear readout sees as the paper's does. A quarter of the H units are s.
/// Source: Mikolov, Joulin, Chopra, Mathieu, Ranzato 2014; without biases.
template <class T>
struct ScrnCell : Weights<T, 1> {  // w: A, then B
  using Base = Weights<T, 1>;
  static constexpr double alpha = 0.95;
  Variable<T> r, p;
  ScrnCell(index_t input, index_t hidden, bool, Generator& rng) : Base(input, hidden, false, rng) {
    const index_t slow = std::max<index_t>(1, hidden / 4);
    r = Base::draw({hidden - slow, hidden - slow}, rng);
    p = Base::draw({hidden - slow, slow}, rng);
  }
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const index_t fast = r.shape()[0];
    auto [x_z, z, x_s, s] =
        std::array{slice(x, 1, 0, fast), slice(h, 1, 0, fast), slice(x, 1, fast), slice(h, 1, fast)};
    Variable s_next = (1 - alpha) * x_s + alpha * s;
    Variable a = x_z + (linear(z, r) + linear(s_next, p));
    return concat<T>({sigmoid(a), s_next}, 1);
  }
  template <class V>
  void visit(V&& visitor) {
    Base::visit(visitor), visitor("r", r), visitor("p", p);
  }
};

/// The multiplicative network: each input has a matrix of its own on the state, in factors.
/// What:   m = (W_m x) ⊙ (U_m h);  h' = tanh(W_n x + U_n m + b). Here W_m x has a bias, too.
/// Source: Sutskever, Martens, Hinton 2011.
template <class T>
struct MultiplicativeRnnCell : Weights<T, 2, Matrices<1, 1>> {
  using Weights<T, 2, Matrices<1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_m, u_n] = this->u;
    auto [x_m, x_n] = chunk<2>(x);
    Variable m = x_m * Variable(linear(h, u_m));
    return tanh(x_n + linear(m, u_n));
  }
};

/// The simple network with multiplicative integration.
/// What:   p = W x;  q = U h;  h' = tanh(α ⊙ p ⊙ q + β_1 ⊙ q + β_2 ⊙ p + b).
/// Init:   α = 1, β_1 = β_2 = 0.5.
/// Source: Wu, Zhang, Zhang, Bengio, Salakhutdinov 2016, MI-RNN.
template <class T>
struct MiRnnCell : Weights<T, 1, Matrices<1>, Vectors<4>> {
  MiRnnCell(index_t input, index_t hidden, bool, Generator& rng)
      : Weights<T, 1, Matrices<1>, Vectors<4>>(input, hidden, false, rng) {
    const std::array<double, 4> start = {1, 0.5, 0.5, 0};
    for (std::size_t k = 0; k < 4; ++k) init::constant(this->v[k], start[k]);
  }
  Variable<T> step(const Variable<T>& p, const Variable<T>& h) const {
    const auto& [alpha, beta_1, beta_2, bias] = this->v;
    Variable q = linear(h, this->u[0]);
    return tanh(alpha * p * q + beta_1 * q + beta_2 * p + bias);
  }
};

}  // namespace zoo
