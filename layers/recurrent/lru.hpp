#pragma once
/// \file The linear recurrent unit: its cell, and the layer `Lru lru(I, N);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/init.hpp"
#include "unroll/layers/linear_cell.hpp"

namespace unroll {

/// The size of a linear recurrent unit's state, and where its eigenvalues begin: uniform on a ring.
struct LruOptions {
  index_t state_size = 0;                   ///< N; 0: the hidden size
  double r_min = 0.9;                       ///< the ring's inner radius
  double r_max = 0.999;                     ///< its outer radius, below 1
  double max_phase = 6.283185307179586477;  ///< angles from 0 to this
};

namespace detail {

/// λ = exp(−exp(ν) + i exp(θ))
template <class T>
ComplexPair<T> eigenvalues(const Variable<T>& nu, const Variable<T>& theta) {
  auto [re, im] = fuse(
      [](auto n, auto t) {
        auto radius = exp(-exp(n));
        return std::tuple(radius * cos(exp(t)), radius * sin(exp(t)));
      },
      nu, theta);
  return {re, im};
}

/// ν and θ of eigenvalues that are uniform on the ring.
/// Errors: UsageError for options out of range.
template <class T>
void draw_eigenvalues(Variable<T>& nu, Variable<T>& theta, index_t count, const LruOptions& options,
                      Generator& rng);

}  // namespace detail

/// The linear recurrent unit, whose state is complex and decays at rates of its own.
/// What:   λ = exp(−exp(ν) + i exp(θ));  c' = λ ⊙ c + exp(γ) ⊙ (B x);  h' = Re(C c') + D ⊙ x, the last where I = H.
/// Shapes: x (B, I), h (B, H), c (B, N) complex, ν, θ and γ (N,), weight_b (2N, I): real part, then imaginary;
///         weight_c_re and weight_c_im (H, N), D (H,), or empty where I ≠ H.
/// Init:   λ uniform on the ring of LruOptions; exp(γ) = √(1 − |λ|²); B from N(0, 1/2I), C from N(0, 1/N), D from N(0, 1).
/// Source: Orvieto et al. 2023, "Resurrecting Recurrent Neural Networks for Long Sequences", with an initial state.
template <class T>
struct LruCell {
  using value_type = T;
  using State = ComplexOutputState<T>;
  static constexpr bool row_wise = true;
  Variable<T> nu, theta, gamma, weight_b, weight_c_re, weight_c_im, d;

  LruCell() = default;
  /// Errors: ShapeError for a size below 1, UsageError for options out of range.
  LruCell(index_t input, index_t hidden, const LruOptions& options, Generator& rng = default_generator());
  LruCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : LruCell(input, hidden, LruOptions{}, rng) {}

  index_t input_size() const { return weight_b.shape()[1]; }
  index_t hidden_size() const { return weight_c_re.shape()[0]; }
  /// N
  index_t state_size() const { return nu.size(); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const Variable<T> c({batch, state_size()}, T{0});
    return {Variable<T>({batch, hidden_size()}, T{0}), {c, c}};
  }

  /// ComplexCoefficients and what the output needs.
  struct Coefficients : ComplexCoefficients<T> {
    Variable<T> x;  ///< the input
  };
  [[gnu::noinline]] Coefficients coefficients(const Variable<T>& x) const {
    auto [b_re, b_im] = chunk<2>(Variable<T>(linear(x, weight_b)));
    return {{detail::eigenvalues(nu, theta), {b_re * exp(gamma), b_im * exp(gamma)}}, x};
  }
  [[gnu::noinline]] Variable<T> output(const Coefficients& k, const ComplexPair<T>& c) const {
    const Variable<T> re = linear(c.re, weight_c_re), im = linear(c.im, weight_c_im);
    return d ? Variable<T>(re - im + d * k.x) : re - im;
  }

  template <class V>
  void visit(V&& v) {
    v("nu", nu);
    v("theta", theta);
    v("gamma", gamma);
    v("weight_b", weight_b);
    v("weight_c_re", weight_c_re);
    v("weight_c_im", weight_c_im);
    v("d", d);
  }
};

/// See Recurrent and LruCell. `auto [y, state] = lru(x);`
UNROLL_LAYER(Lru, LruCell)

}  // namespace unroll
