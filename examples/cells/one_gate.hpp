#pragma once
/// \file Cells with one gate: what is left of the GRU when one takes away what can be taken away.

#include "cells/weights.hpp"

namespace zoo {

/// The minimal gated unit.
/// What:   f = σ(W_f x + U_f h + b_f);  n = tanh(W_n x + U_n (f ⊙ h) + b_n);  h' = (1 − f) ⊙ h + f ⊙ n.
/// Source: Zhou, Wu, Zhang, Zhou 2016.
template <class T>
struct MguCell : Weights<T, 2, Matrices<1, 1>> {
  using Weights<T, 2, Matrices<1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_f, u_n] = this->u;
    auto [x_f, x_n] = chunk<2>(x);
    Variable f = sigmoid(x_f + linear(h, u_f));
    Variable n = tanh(x_n + linear(f * h, u_n));
    return lerp(h, n, f);  // (1 − f) h + f n
  }
};

/// The MGU whose gate does not see the input.
/// What:   as the MGU with f = σ(U_f h + b_f).
/// Source: Heck and Salem 2017, MGU1.
template <class T>
struct Mgu1Cell : Weights<T, 1, Matrices<1, 1>, Vectors<1>> {
  using Weights<T, 1, Matrices<1, 1>, Vectors<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_f, u_n] = this->u;
    Variable f = sigmoid(linear(h, u_f, this->v[0]));
    Variable n = tanh(x + linear(f * h, u_n));
    return lerp(h, n, f);
  }
};

/// The MGU whose gate sees the state alone, without a bias.
/// What:   as the MGU with f = σ(U_f h).
/// Source: Heck and Salem 2017, MGU2.
template <class T>
struct Mgu2Cell : Weights<T, 1, Matrices<1, 1>> {
  using Weights<T, 1, Matrices<1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_f, u_n] = this->u;
    Variable f = sigmoid(linear(h, u_f));
    Variable n = tanh(x + linear(f * h, u_n));
    return lerp(h, n, f);
  }
};

/// The MGU whose gate is a constant that is learned.
/// What:   as the MGU with f = σ(b_f).
/// Source: Heck and Salem 2017, MGU3.
template <class T>
struct Mgu3Cell : Weights<T, 1, Matrices<1>, Vectors<1>> {
  using Weights<T, 1, Matrices<1>, Vectors<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable f = sigmoid(this->v[0]);
    Variable n = tanh(x + linear(f * h, this->u[0]));
    return lerp(h, n, f);
  }
};

/// The minimal unit with a reset gate and a constant rate.
/// What:   r = σ(W_r x + U_r h + b_r);  n = tanh(W_n x + U_n (r ⊙ h) + b_n);  h' = λ h + (1 − λ) n.
/// Source: MiRU1, Neurocomputing 2026, doi 10.1016/j.neucom.2026.132847; λ = 0.5.
template <class T>
struct Miru1Cell : Weights<T, 2, Matrices<1, 1>> {
  using Weights<T, 2, Matrices<1, 1>>::Weights;
  static constexpr double lambda = 0.5;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_r, u_n] = this->u;
    auto [x_r, x_n] = chunk<2>(x);
    Variable r = sigmoid(x_r + linear(h, u_r));
    Variable n = tanh(x_n + linear(r * h, u_n));
    return lambda * h + (1 - lambda) * n;
  }
};

/// The update gate recurrent network.
/// What:   g = σ(W_g x + U_g h + b_g);  c = tanh(W_c x + U_c h + b_c);  h' = g ⊙ h + (1 − g) ⊙ c.
/// Source: Collins, Sohl-Dickstein, Sussillo 2017.
template <class T>
struct UgrnnCell : Weights<T, 2, Matrices<2>> {
  using Weights<T, 2, Matrices<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable gates = x + linear(h, this->u[0]);
    auto [g, c] = chunk<2>(gates);
    return lerp(tanh(c), h, sigmoid(g));  // (1 − σ(g)) tanh(c) + σ(g) h
  }
};

/// Just another network: an LSTM with a forget gate only.
/// What:   s = W_s x + U_s h + b_s;  c = tanh(W_c x + U_c h + b_c);  h' = σ(s) ⊙ h + (1 − σ(s − β)) ⊙ c, β = 1.
/// Source: van der Westhuizen and Lasenby 2018.
template <class T>
struct JanetCell : Weights<T, 2, Matrices<2>> {
  using Weights<T, 2, Matrices<2>>::Weights;
  static constexpr double beta = 1;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable gates = x + linear(h, this->u[0]);
    auto [s, c] = chunk<2>(gates);
    return sigmoid(s) * h + (1 - sigmoid(s - beta)) * tanh(c);
  }
};

/// The light recurrent unit.
/// What:   f = σ(W_f x + U_f h + b_f);  n = tanh(W_n x + b_n);  h' = (1 − f) ⊙ h + f ⊙ n.
/// Source: Ye, Zhang, Liu, Li, Chang, Zheng 2024, who call it LRU, a name that another cell has.
template <class T>
struct LightRuCell : Weights<T, 2, Matrices<1>> {
  using Weights<T, 2, Matrices<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [x_f, x_n] = chunk<2>(x);
    Variable f = x_f + linear(h, this->u[0]);
    return lerp(h, tanh(x_n), sigmoid(f));
  }
};

/// The light GRU.
/// What:   z = σ(W_z x + U_z h + b_z);  n = relu(W_n x + U_n h + b_n);  h' = z ⊙ h + (1 − z) ⊙ n.
/// The paper normalises W x over the batch, in place of the biases.
/// Source: Ravanelli, Brakel, Omologo, Bengio 2018.
template <class T>
struct LiGruCell : Weights<T, 2, Matrices<2>> {
  using Weights<T, 2, Matrices<2>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable gates = x + linear(h, this->u[0]);
    auto [z, n] = chunk<2>(gates);
    return lerp(relu(n), h, sigmoid(z));
  }
};

/// MinimalRNN: the input is mapped into the space of the state.
/// What:   z = tanh(W x + b);  u = σ(U_h h + U_z z + b_u);  h' = u ⊙ h + (1 − u) ⊙ z.
/// Source: Chen 2017.
template <class T>
struct MinimalRnnCell : Weights<T, 1, Matrices<1, 1>, Vectors<1>> {
  using Weights<T, 1, Matrices<1, 1>, Vectors<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_h, u_z] = this->u;
    Variable z = tanh(x);
    Variable u = linear(h, u_h) + linear(z, u_z, this->v[0]);
    return lerp(z, h, sigmoid(u));
  }
};

/// The stackable recurrent cell.
/// What:   z = tanh(W_z x + b_z);  k = σ(W_k x + U h + b_k);  h' = tanh((1 − k) ⊙ h + k ⊙ z).
/// Source: Turkoglu, D'Aronco, Wegner, Schindler 2021.
template <class T>
struct StarCell : Weights<T, 2, Matrices<1>> {
  using Weights<T, 2, Matrices<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    auto [x_z, x_k] = chunk<2>(x);
    Variable k = x_k + linear(h, this->u[0]);
    return tanh(lerp(h, tanh(x_z), sigmoid(k)));
  }
};

/// The simple gated recurrent network.
/// What:   a = W x + b;  f = σ(a + U h);  h' = tanh((1 − f) ⊙ a + f ⊙ h).
/// Source: IET Generation, Transmission & Distribution, doi 10.1049/gtd2.12056; one bias of two.
template <class T>
struct SgrnCell : Weights<T, 1, Matrices<1>> {
  using Weights<T, 1, Matrices<1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    Variable u = linear(h, this->u[0]);
    return tanh(lerp(x, h, sigmoid(x + u)));
  }
};

/// The addition-subtraction twin-gated network.
/// What:   p = W x + b;  q = U h;  h' = σ(p + q) ⊙ p + σ(p − q) ⊙ h.
/// Source: Zhang, Xiong, Su, Lin, Zhang 2018.
template <class T>
struct AtrCell : Weights<T, 1, Matrices<1>> {
  using Weights<T, 1, Matrices<1>>::Weights;
  Variable<T> step(const Variable<T>& p, const Variable<T>& h) const {
    Variable q = linear(h, this->u[0]);
    return sigmoid(p + q) * p + sigmoid(p - q) * h;
  }
};

/// The simple gated unit.
/// What:   g = tanh(U_g ((W_g x + b_g) ⊙ h));  n = softplus(g ⊙ h);  z = σ̂(W_z x + U_z h + b_z);
///         h' = (1 − z) ⊙ h + z ⊙ n, with the hard σ̂(a) = min(max(0.2 a + 0.5, 0), 1).
/// Source: Gao and Glowacka 2016.
template <class T>
struct SguCell : Weights<T, 2, Matrices<1, 1>> {
  using Weights<T, 2, Matrices<1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_g, u_z] = this->u;
    auto [x_g, x_z] = chunk<2>(x);
    Variable g = linear(x_g * h, u_g);
    Variable z = x_z + linear(h, u_z);
    return lerp(h, softplus(tanh(g) * h), clamp(0.2 * z + 0.5, 0, 1));
  }
};

/// The deep simple gated unit.
/// What:   as the SGU with n = σ(U_o (g ⊙ h)).
/// Source: Gao and Glowacka 2016.
template <class T>
struct DsguCell : Weights<T, 2, Matrices<1, 1, 1>> {
  using Weights<T, 2, Matrices<1, 1, 1>>::Weights;
  Variable<T> step(const Variable<T>& x, const Variable<T>& h) const {
    const auto& [u_g, u_z, u_o] = this->u;
    auto [x_g, x_z] = chunk<2>(x);
    Variable g = linear(x_g * h, u_g);
    Variable n = linear(tanh(g) * h, u_o);
    Variable z = x_z + linear(h, u_z);
    return lerp(h, sigmoid(n), clamp(0.2 * z + 0.5, 0, 1));
  }
};

/// The strongly typed recurrent network, which is linear in its state: all time steps are computed at once.
/// What:   z = W_z x + b_z;  f = σ(W_f x + b_f);  h' = f ⊙ h + (1 − f) ⊙ z.
/// Source: Balduzzi and Ghifary 2016, T-RNN.
template <class T>
struct TRnnCell : Weights<T, 2> {
  using Weights<T, 2>::Weights;
  auto coefficients(const Variable<T>& x) const {
    auto [z, a] = chunk<2>(x, -1);
    Variable f = sigmoid(a);
    return LinearCoefficients<T>{f, (1 - f) * z};
  }
};

}  // namespace zoo
