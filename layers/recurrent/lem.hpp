#pragma once
/// \file The long expressive memory, two coupled states with time steps of their own: its cell, and the layer
/// `Lem lem(I, H);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/co_rnn.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// The long expressive memory.
/// What:   a, b = Δ σ(W_a x + V_a h + b_a), Δ σ(W_b x + V_b h + b_b), the durations of this step;
///         z' = (1 − b) ⊙ z + b ⊙ tanh(W_h x + V_h h + b_h);
///         h' = (1 − a) ⊙ h + a ⊙ tanh(W_z x + V_z z' + b_z).
/// Shapes: x (B, I), h and z (B, H), weight_ih (4H, I) and bias (4H,) or empty with the rows of a, b, z and h, weight_hh
///         (3H, H) with those of a, b and h, weight_zh (H, H), which is V_z.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Source: Rusch, Mishra, Erichson, Mahoney 2022, equation 3, whose y is h here; in the order of blocks of their code.
template <class T>
struct LemCell {
  using value_type = T;
  using State = CoRnnState<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_ih, weight_hh, weight_zh, bias;
  double dt = 1;  ///< Δ, the longest duration of a step

  LemCell() = default;
  LemCell(index_t input, index_t hidden, bool with_bias = true, Generator& rng = default_generator(),
          double longest = 1)
      : dt(longest) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    weight_ih = detail::draw<T>({4 * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({3 * hidden, hidden}, hidden, rng);
    weight_zh = detail::draw<T>({hidden, hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({4 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_zh.shape()[0]; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros};
  }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias); }

  // x is projected: W x + b
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    auto [x_a, x_b, x_z, x_h] = chunk<4>(x);
    auto [h_a, h_b, h_h] = chunk<3>(linear(s.h, weight_hh));
    Variable z = lerp(s.z, tanh(x_h + h_h), dt * sigmoid(x_b + h_b));
    Variable u = x_z + linear(z, weight_zh);
    Variable h = lerp(s.h, tanh(u), dt * sigmoid(x_a + h_a));  // lerp(a, b, w) = (1 − w) a + w b
    return {h, z};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("weight_zh", weight_zh);
    v("bias", bias);
  }
};

/// See Recurrent and LemCell. `auto [y, state] = lem(x);` with state.h and state.z.
template <class T = float>
class Lem : public Recurrent<LemCell<T>> {
 public:
  Lem() = default;
  Lem(index_t input, index_t hidden, const RecurrentOptions& options = {},
      Generator& rng = default_generator(), double dt = 1)
      : Recurrent<LemCell<T>>(
            input, [&](index_t size) { return LemCell<T>(size, hidden, options.bias, rng, dt); }, options,
            rng) {}
};

UNROLL_COMPILED_CELL(LemCell)

}  // namespace unroll
