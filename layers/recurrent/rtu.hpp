#pragma once
/// \file The recurrent trace unit: its cell, and the layer `Rtu rtu(I, N);`.

#include "unroll/autograd/creation.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lru.hpp"

namespace unroll {

/// The recurrent trace unit: pairs of real numbers that turn and decay, made to be learned online, step by step, by exact
/// real-time recurrent learning (see DiagonalRtrl).
/// What:   r = exp(−exp(ν)), ϑ = exp(θ);  a = r (cos ϑ, sin ϑ);  c' = a c + √(1 − r²) W x, as complex numbers;
///         h' = (Re c', Im c') side by side; a nonlinearity, if there is to be one, comes after it.
/// Shapes: x (B, I), c (B, N) complex, h (B, 2N), ν and θ (N,), weight (2N, I): real part, then imaginary.
/// Init:   as LruCell's with weight from N(0, 1/2I).
/// Source: Elelimy et al. 2024, "Real-Time Recurrent Learning using Trace Units in Reinforcement Learning".
template <class T>
struct RtuCell {
  using value_type = T;
  using State = ComplexOutputState<T>;
  static constexpr bool row_wise = true;
  Variable<T> nu, theta, weight;

  RtuCell() = default;
  /// Errors: ShapeError for a size below 1, UsageError for options out of range.
  RtuCell(index_t input, index_t hidden, const LruOptions& options, Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    if (options.state_size != 0 && options.state_size != hidden)
      raise<UsageError>("rtu: its state has the hidden size {}; got state_size {}", hidden,
                        options.state_size);
    detail::draw_eigenvalues(nu, theta, hidden, options, rng);
    const double deviation = std::sqrt(0.5 / static_cast<double>(input));
    weight = randn<T>({2 * hidden, input}, rng, 0, deviation).requires_grad(true);
  }
  RtuCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : RtuCell(input, hidden, LruOptions{}, rng) {}

  index_t input_size() const { return weight.shape()[1]; }
  index_t hidden_size() const { return nu.size(); }
  /// Zeros.
  State initial_state(index_t batch) const {
    const Variable<T> c({batch, hidden_size()}, T{0});
    return {Variable<T>({batch, 2 * hidden_size()}, T{0}), {c, c}};
  }
  /// W x
  Variable<T> project(const Variable<T>& x) const { return linear(x, weight); }

  // x is projected: W x
  [[gnu::noinline]] ComplexCoefficients<T> coefficients(const Variable<T>& x) const {
    auto [x_re, x_im] = chunk<2>(x);
    const Variable<T> scale = root_one_minus_exp(-exp(nu));  // √(1 − r²)
    return {detail::eigenvalues(nu, theta), {scale * x_re, scale * x_im}};
  }
  [[gnu::noinline]] Variable<T> output(const ComplexCoefficients<T>&, const ComplexPair<T>& c) const {
    return concat({c.re, c.im}, -1);
  }

  template <class V>
  void visit(V&& v) {
    v("nu", nu);
    v("theta", theta);
    v("weight", weight);
  }
};

/// See Recurrent and RtuCell. `auto [y, state] = rtu(x);`
UNROLL_LAYER(Rtu, RtuCell)

}  // namespace unroll
