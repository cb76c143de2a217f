#pragma once
/// \file Cells with two gates or more and a single state, or nearly: the GRU's relatives.

#include "cells/weights.hpp"

namespace zoo {

/// The chaos-free network: without input its state dies away, whatever the weights are.
/// What:   θ = σ(W_θ x + U_θ h + b_θ);  η = σ(W_η x + U_η h + b_η);  h' = θ ⊙ tanh(h) + η ⊙ tanh(W x).
/// Here W x has a bias, too.
/// Source: Laurent and von Brecht 2017.
template <class T>
struct CfnCell : Weights<T, 3, Matrices<2>> {
  using Weights<T, 3, Matrices<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [x_theta, x_eta, x_h] = chunk<3>(x);
    auto [h_theta, h_eta] = chunk<2>(linear(h, this->u[0]));
    return sigmoid(x_theta + h_theta) * tanh(h) + sigmoid(x_eta + h_eta) * tanh(x_h);
  }
};

/// The recurrent additive network: what enters its memory does not depend on the state, but for gates.
/// What:   i = σ(W_i x + U_i h + b_i);  f = σ(W_f x + U_f h + b_f);  c' = i ⊙ W x + f ⊙ c;  h' = tanh(c').
/// Here W x has a bias, too.
/// Source: Lee, Levy, Zettlemoyer 2017.
template <class T>
struct RanCell : PairWeights<T, 3, Matrices<2>> {
  using PairWeights<T, 3, Matrices<2>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    auto [x_i, x_f, x_c] = chunk<3>(x);
    auto [h_i, h_f] = chunk<2>(linear(s.h, this->u[0]));
    Variable c = sigmoid(x_i + h_i) * x_c + sigmoid(x_f + h_f) * s.c;
    return {tanh(c), c};
  }
};

/// The first mutation that a search over ten thousand cells found.
/// What:   z = σ(W_z x + b_z);  r = σ(W_r x + U_r h + b_r);  n = tanh(U_n (r ⊙ h) + tanh(W_n x + b_n));
///         h' = z ⊙ n + (1 − z) ⊙ h.
/// The paper has tanh(x) + b_n, and thus inputs as large as the state.
/// Source: Jozefowicz, Zaremba, Sutskever 2015, MUT1.
template <class T>
struct Mut1Cell : Weights<T, 3, Matrices<1, 1>> {
  using Weights<T, 3, Matrices<1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_r, u_n] = this->u;
    auto [x_z, x_r, x_n] = chunk<3>(x);
    Variable r = sigmoid(x_r + linear(h, u_r));
    Variable n = linear(r * h, u_n);
    return lerp(h, tanh(n + tanh(x_n)), sigmoid(x_z));
  }
};

/// The second mutation.
/// What:   z = σ(W_z x + U_z h + b_z);  r = σ(W_r x + U_r h + b_r);  n = tanh(W_n x + U_n (r ⊙ h) + b_n);
///         h' = z ⊙ n + (1 − z) ⊙ h.
/// The paper has x in place of W_r x, and thus inputs as large as the state. With W_r it is the first form of the GRU.
/// Source: Jozefowicz, Zaremba, Sutskever 2015, MUT2.
template <class T>
struct Mut2Cell : Weights<T, 3, Matrices<2, 1>> {
  using Weights<T, 3, Matrices<2, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [x_z, x_r, x_n] = chunk<3>(x);
    auto [h_z, h_r] = chunk<2>(linear(h, this->u[0]));
    Variable n = x_n + linear(sigmoid(x_r + h_r) * h, this->u[1]);
    return lerp(h, tanh(n), sigmoid(x_z + h_z));
  }
};

/// The third mutation.
/// What:   as MUT2 with z = σ(W_z x + U_z tanh(h) + b_z).
/// Source: Jozefowicz, Zaremba, Sutskever 2015, MUT3.
template <class T>
struct Mut3Cell : Weights<T, 3, Matrices<1, 1, 1>> {
  using Weights<T, 3, Matrices<1, 1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_z, u_r, u_n] = this->u;
    auto [x_z, x_r, x_n] = chunk<3>(x);
    Variable z = x_z + linear(tanh(h), u_z);
    Variable r = sigmoid(x_r + linear(h, u_r));
    Variable n = x_n + linear(r * h, u_n);
    return lerp(h, tanh(n), sigmoid(z));
  }
};

/// The bistable recurrent cell, each unit of which sees itself alone: with a > 1 it has two stable states.
/// What:   a = 1 + tanh(W_a x + v_a ⊙ h + b_a);  c = σ(W_c x + v_c ⊙ h + b_c);
///         h' = c ⊙ h + (1 − c) ⊙ tanh(W x + a ⊙ h). Here W x has a bias, too.
/// Source: Vecoven, Ernst, Drion 2021, BRC.
template <class T>
struct BrcCell : Weights<T, 3, Matrices<>, Vectors<2>> {
  using Weights<T, 3, Matrices<>, Vectors<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [v_a, v_c] = this->v;
    auto [x_a, x_c, x_n] = chunk<3>(x);
    auto a = 1 + tanh(x_a + v_a * h);
    return lerp(tanh(x_n + a * h), h, sigmoid(x_c + v_c * h));
  }
};

/// The bistable recurrent cell with recurrent neuromodulation.
/// What:   as the BRC with U_a h and U_c h in place of v_a ⊙ h and v_c ⊙ h.
/// Source: Vecoven, Ernst, Drion 2021, nBRC.
template <class T>
struct NbrcCell : Weights<T, 3, Matrices<2>> {
  using Weights<T, 3, Matrices<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [x_a, x_c, x_n] = chunk<3>(x);
    auto [h_a, h_c] = chunk<2>(linear(h, this->u[0]));
    auto a = 1 + tanh(x_a + h_a);
    return lerp(tanh(x_n + a * h), h, sigmoid(x_c + h_c));
  }
};

/// τ-GRU: a GRU that also sees an earlier state.
/// What:   n = tanh(W_n x + U_n h + b_n);  g, a = σ(W x + U h + b);  z = tanh(W_z x + U_z h_before + b_z);
///         h' = (1 − g) ⊙ h + g ⊙ (n + a ⊙ z), h_before being the state one step before h.
/// Source: Erichson, Lim, Mahoney 2022, with the shortest delay, 1 step; biases added.
template <class T>
struct TauGruCell : PairWeights<T, 4, Matrices<3, 1>> {
  using PairWeights<T, 4, Matrices<3, 1>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    auto [x_n, x_g, x_a, x_z] = chunk<4>(x);
    auto [h_n, h_g, h_a] = chunk<3>(linear(s.h, this->u[0]));
    Variable z = x_z + linear(s.c, this->u[1]);
    Variable h = lerp(s.h, tanh(x_n + h_n) + sigmoid(x_a + h_a) * tanh(z), sigmoid(x_g + h_g));
    return {h, s.h};
  }
};

/// The intersection network, +RNN: a gate for the next state, and one for the way past the state to the next layer.
/// What:   n_y = relu(W_1 x + U_1 c + b_1);  n_c = tanh(W_2 x + U_2 c + b_2);  g_y, g_c = σ(W x + U c + b);
///         h' = g_y ⊙ W_x x + (1 − g_y) ⊙ n_y;  c' = g_c ⊙ c + (1 − g_c) ⊙ n_c.
/// h, the output, is not carried. The paper has x in place of W_x x, and thus inputs as large as the state.
/// Source: Collins, Sohl-Dickstein, Sussillo 2017.
template <class T>
struct IntersectionCell : PairWeights<T, 5, Matrices<4>> {
  using PairWeights<T, 5, Matrices<4>>::PairWeights;
  Pair<T> step(const Variable<T>& x, const Pair<T>& s) const {
    auto [x_y, x_c, x_gy, x_gc, x_past] = chunk<5>(x);
    auto [u_y, u_c, u_gy, u_gc] = chunk<4>(linear(s.c, this->u[0]));
    Variable h = lerp(relu(x_y + u_y), x_past, sigmoid(x_gy + u_gy));
    Variable c = lerp(tanh(x_c + u_c), s.c, sigmoid(x_gc + u_gc));
    return {h, c};
  }
};

}  // namespace zoo
