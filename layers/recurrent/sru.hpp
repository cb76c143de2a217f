#pragma once
/// \file The simple recurrent unit, whose gates see the state element by element: its cell, and the layer
/// `Sru sru(I, H);`.

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/activations.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// The simple recurrent unit.
/// What:   u, f̂, r̂ = W x;  s = α x where I = H, else W_s x;
///         f = σ(f̂ + v_f ⊙ c + b_f);  r = σ(r̂ + v_r ⊙ c + b_r);
///         c' = f ⊙ c + (1 − f) ⊙ u;
///         h' = r ⊙ φ(c') + (1 − r) ⊙ s.
/// Both gates see c, not c'.
/// Shapes: x (B, I), h and c (B, H), weight_ih (3H, I), or (4H, I) with the rows of W_s last, weight_c (2H,) with v_f and
///         v_r, bias (2H,) with b_f and b_r or empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Lei, Zhang, Wang, Dai, Artzi 2018, and their code (asappresearch/sru) for the skip where I ≠ H.
template <class T, Activation<T> F = Tanh>
struct SruCell {
  using value_type = T;
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "u f r s";
  Variable<T> weight_ih, weight_c, bias;
  double alpha = 1;  ///< α, of the skip where I = H
  F activation;      ///< φ

  SruCell() = default;
  SruCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator(),
          double skip = 1, F phi = F{})
      : alpha(skip), activation(std::move(phi)) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({(input == hidden ? 3 : 4) * hidden, input}, hidden, rng);
    weight_c = detail::draw<T>({2 * hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({2 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_c.shape()[0] / 2; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros};
  }

  Variable<T> project(const Variable<T>& x) const {
    const Variable<T> zeros({hidden_size()}, T{0});
    const bool projected = weight_ih.shape()[0] == 4 * hidden_size();
    Variable<T> b = bias;  // of the gates alone
    if (b) b = projected ? concat({zeros, bias, zeros}) : concat({zeros, bias});
    const Variable<T> u = linear(x, weight_ih, b);
    return projected ? u : concat<T>({u, alpha * x}, -1);
  }

  // x is projected: W x, with the biases of the gates, and s
  [[gnu::noinline]] State step(const Variable<T>& x, const State& state) const {
    auto [u, x_f, x_r, s] = chunk<4>(x);
    auto [v_f, v_r] = chunk<2>(weight_c);
    auto f = sigmoid(x_f + v_f * state.c);
    auto r = sigmoid(x_r + v_r * state.c);
    Variable c = lerp(u, state.c, f);        // f c + (1 − f) u
    Variable h = lerp(s, activation(c), r);  // r φ(c) + (1 − r) s
    return {h, c};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_c", weight_c);
    v("bias", bias);
  }
};

/// See Recurrent and SruCell. `auto [y, state] = sru(x);` with state.h and state.c.
template <class T = float, Activation<T> F = Tanh>
class Sru : public Recurrent<SruCell<T, F>> {
 public:
  Sru() = default;
  Sru(index_t input, index_t hidden, const RecurrentOptions& options = {},
      Generator& rng = default_generator(), double alpha = 1)
      : Recurrent<SruCell<T, F>>(
            input, [&](index_t size) { return SruCell<T, F>(size, hidden, options.bias, rng, alpha); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(SruCell, Tanh)
UNROLL_COMPILED_CELL(SruCell, Identity)

}  // namespace unroll
