#pragma once
/// \file The LSTM's relatives.

#include "cells/weights.hpp"

namespace zoo {

/// The first LSTM, which cannot forget.
/// What:   i, g, o = W x + U h + b;  c' = c + σ(i) ⊙ tanh(g);  h' = σ(o) ⊙ tanh(c').
/// In the paper the squashing functions are 2 tanh(x/2) for g and tanh(x/2) for c.
/// Source: Hochreiter and Schmidhuber 1997.
template <class T>
struct FirstLstmCell : PairWeights<T, 3, Matrices<3>> {
  using PairWeights<T, 3, Matrices<3>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    Variable gates = x + linear(s.h, this->u[0]);
    auto [i, g, o] = chunk<3>(gates);
    Variable c = s.c + sigmoid(i) * tanh(g);
    return {sigmoid(o) * tanh(c), c};
  }
};

/// The LSTM with coupled input and forget gate.
/// What:   f, g, o = W x + U h + b;  c' = σ(f) ⊙ c + (1 − σ(f)) ⊙ tanh(g);  h' = σ(o) ⊙ tanh(c').
/// Source: Greff, Srivastava, Koutník, Steunebrink, Schmidhuber 2017, CIFG, without peepholes.
template <class T>
struct CifgCell : PairWeights<T, 3, Matrices<3>> {
  using PairWeights<T, 3, Matrices<3>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    Variable gates = x + linear(s.h, this->u[0]);
    auto [f, g, o] = chunk<3>(gates);
    Variable c = lerp(tanh(g), s.c, sigmoid(f));
    return {sigmoid(o) * tanh(c), c};
  }
};

/// The LSTM with working memory connections: its gates see the whole memory, each through a matrix.
/// What:   i, f, g, o = W x + U h + b;  i, f += tanh(U_c c);  c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);
///         o += tanh(U_o c');  h' = σ(o) ⊙ tanh(c').
/// Source: Landi, Baraldi, Cornia, Cucchiara 2021.
template <class T>
struct WmcLstmCell : PairWeights<T, 4, Matrices<4, 2, 1>> {
  using PairWeights<T, 4, Matrices<4, 2, 1>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    const auto& [u, u_c, u_o] = this->u;
    Variable gates = x + linear(s.h, u);
    auto [i, f, g, o] = chunk<4>(gates);
    auto [c_i, c_f] = chunk<2>(linear(s.c, u_c));
    Variable c = sigmoid(f + tanh(c_f)) * s.c + sigmoid(i + tanh(c_i)) * tanh(g);
    Variable c_o = linear(c, u_o);
    return {sigmoid(o + tanh(c_o)) * tanh(c), c};
  }
};

/// The cell that neural architecture search found for language models.
/// What:   with a_k = (W x + b)_k and m_k = (U h)_k, k = 0 … 7, bottom up:
///         p = tanh(σ(a_0 + m_0) relu(a_1 + m_1));  q = tanh(σ(a_2 + m_2) + relu(a_3 m_3));
///         r = tanh(tanh(a_4 + m_4) σ(a_5 + m_5));  s = σ(tanh(a_6 + m_6) + σ(a_7 + m_7));
///         c' = tanh(p + c) q;  h' = tanh(c' tanh(r + s)).
/// Source: Zoph and Le 2017, as in the authors' NASCell of TensorFlow.
template <class T>
struct NasCell : PairWeights<T, 8, Matrices<8>> {
  using PairWeights<T, 8, Matrices<8>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& state) const {
    auto [a0, a1, a2, a3, a4, a5, a6, a7] = chunk<8>(x);
    auto [m0, m1, m2, m3, m4, m5, m6, m7] = chunk<8>(linear(state.h, this->u[0]));
    auto p = tanh(sigmoid(a0 + m0) * relu(a1 + m1));
    auto q = tanh(sigmoid(a2 + m2) + relu(a3 * m3));
    auto r = tanh(tanh(a4 + m4) * sigmoid(a5 + m5));
    auto s = sigmoid(tanh(a6 + m6) + sigmoid(a7 + m7));
    Variable c = tanh(p + state.c) * q;
    return {tanh(c * tanh(r + s)), c};
  }
};

}  // namespace zoo
