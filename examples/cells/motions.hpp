#pragma once
/// \file Cells that are differential equations in small steps: the state moves, and the weights say where to.

#include "cells/weights.hpp"

namespace zoo {

/// Leaky integrators.
/// What:   h' = (1 − α) h + α tanh(W x + U h + b), α = 0.5.
/// Source: Jaeger, Lukoševičius, Popovici, Siewert 2007, whose W and U are not trained.
template <class T>
struct LeakyCell : Weights<T, 1, Matrices<1>> {
  using Weights<T, 1, Matrices<1>>::Weights;
  static constexpr double alpha = 0.5;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable n = x + linear(h, this->u[0]);
    return (1 - alpha) * h + alpha * tanh(n);
  }
};

/// A network whose linear part neither grows nor decays, but for a little friction γ.
/// What:   h' = h + ε tanh(W x + (U − Uᵀ − γ 1) h + b), ε = 0.5, γ = 0.01.
/// Source: Chang, Chen, Haber, Chi 2019.
template <class T>
struct AntisymmetricCell : Weights<T, 1, Matrices<1>> {
  using Weights<T, 1, Matrices<1>>::Weights;
  static constexpr double epsilon = 0.5, gamma = 0.01;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable a = x + linear(h, this->u[0]), b = matmul(h, this->u[0]);  // b = Uᵀ h, for each row
    return h + epsilon * tanh(a - b - gamma * h);
  }
};

/// The same with a gate, which has the same matrix.
/// What:   a = (U − Uᵀ − γ 1) h;  h' = h + ε σ(W_z x + a + b_z) ⊙ tanh(W_n x + a + b_n), ε = 0.5, γ = 0.01.
/// Source: Chang, Chen, Haber, Chi 2019.
template <class T>
struct GatedAntisymmetricCell : Weights<T, 2, Matrices<1>> {
  using Weights<T, 2, Matrices<1>>::Weights;
  static constexpr double epsilon = 0.5, gamma = 0.01;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [z, n] = chunk<2>(x);
    Variable u = linear(h, this->u[0]), b = matmul(h, this->u[0]);
    auto a = u - b - gamma * h;
    return h + epsilon * sigmoid(z + a) * tanh(n + a);
  }
};

/// A residual network over time with two learned numbers.
/// What:   h' = σ(a) tanh(W x + U h + b) + σ(c) h.
/// Init:   a = −3, c = 3: nearly all of h remains.
/// Source: Kusupati et al. 2018, FastRNN, whose α and β are σ(a) and σ(c).
template <class T>
struct FastRnnCell : Weights<T, 1, Matrices<1>> {
  using Base = Weights<T, 1, Matrices<1>>;
  Variable<T> a, c;
  FastRnnCell(index_t input, index_t hidden, bool bias, Generator& rng)
      : Base(input, hidden, bias, rng), a(Base::filled({1}, -3)), c(Base::filled({1}, 3)) {}
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable n = x + linear(h, this->u[0]);
    return sigmoid(a) * tanh(n) + sigmoid(c) * h;
  }
  template <class V>
  void visit(V&& visitor) {
    Base::visit(visitor), visitor("a", a), visitor("c", c);
  }
};

/// A gated one, whose gate and candidate share their matrices.
/// What:   p = W x + U h;  z = σ(p + b_z);  h' = (σ(a) (1 − z) + σ(c)) ⊙ tanh(p + b_h) + z ⊙ h.
/// Init:   a = 1, c = −4.
/// Source: Kusupati et al. 2018, FastGRNN, whose ζ and ν are σ(a) and σ(c); W and U of full rank.
template <class T>
struct FastGrnnCell : Weights<T, 1, Matrices<1>, Vectors<2>> {
  using Base = Weights<T, 1, Matrices<1>, Vectors<2>>;
  Variable<T> a, c;
  FastGrnnCell(index_t input, index_t hidden, bool, Generator& rng)
      : Base(input, hidden, false, rng), a(Base::filled({1}, 1)), c(Base::filled({1}, -4)) {}
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [b_z, b_h] = this->v;
    Variable p = x + linear(h, this->u[0]);
    auto z = sigmoid(p + b_z);
    return (sigmoid(a) * (1 - z) + sigmoid(c)) * tanh(p + b_h) + z * h;
  }
  template <class V>
  void visit(V&& visitor) {
    Base::visit(visitor), visitor("a", a), visitor("c", c);
  }
};

/// A linear part beside the nonlinear one, both with bounded eigenvalues.
/// What:   h' = h + ε (A h + tanh(W x + B h + b)); A and B are M + (1 − 2 β) Mᵀ − γ 1 of a matrix M each,
///         ε = 0.1, β = 0.75, γ = 0.001.
/// Source: Erichson, Azencot, Queiruga, Hodgkinson, Mahoney 2021, LipschitzRNN.
template <class T>
struct LipschitzCell : Weights<T, 1, Matrices<1, 1>> {
  using Weights<T, 1, Matrices<1, 1>>::Weights;
  static constexpr double epsilon = 0.1, beta = 0.75, gamma = 0.001;
  static Variable<T> product(const Variable<T>& m, const Variable<T>& h) {
    Variable a = linear(h, m), b = matmul(h, m);  // M h and Mᵀ h, for each row
    return a + (1 - 2 * beta) * b - gamma * h;
  }
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    return h + epsilon * (product(this->u[0], h) + tanh(x + product(this->u[1], h)));
  }
};

/// Independent oscillators without damping, each with a time step of its own.
/// What:   c' = c − Δt σ(v_t) ⊙ (tanh(v ⊙ h + W x + b) + α h);  h' = h + Δt σ(v_t) ⊙ c', Δt = 0.5, α = 0.9.
/// h is the paper's y, and c its z.
/// Source: Rusch and Mishra 2021, UnICORNN, without the residual connections between its layers.
template <class T>
struct UnicornnCell : PairWeights<T, 1, Matrices<>, Vectors<2>> {
  using PairWeights<T, 1, Matrices<>, Vectors<2>>::PairWeights;
  static constexpr double dt = 0.5, alpha = 0.9;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    const auto& [v, v_t] = this->v;
    auto rate = dt * sigmoid(v_t);
    Variable c = s.c - rate * (tanh(v * s.h + x) + alpha * s.h);
    Variable h = s.h + rate * c;
    return {h, c};
  }
};

}  // namespace zoo
