#pragma once
/// \file The sLSTM, an LSTM with exponential gates and a recurrent weight by heads: its cell, and the layer
/// `Slstm slstm(I, H, heads);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"

namespace unroll {

/// Hidden state, cell state, normaliser and stabiliser.
/// Shapes: h, c, n, m (B, H).
template <class T>
struct SlstmState {
  Variable<T> h, c, n, m;
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
    v("n", n);
    v("m", m);
  }
};

/// An LSTM whose input and forget gates are exponentials.
/// What:   î, f̂, ẑ, ô = W_ih x + b + W_hh h;
///         l = m + log σ(f̂), and −∞ where n = 0: nothing is there to be forgotten;
///         m' = max(î, l);  i = exp(î − m');  f = exp(l − m');
///         c' = f ⊙ c + i ⊙ tanh(ẑ);  n' = f ⊙ n + i;
///         h' = σ(ô) ⊙ c' / n'.
/// The weighted mean c / n of the tanh(ẑ) does not depend on m, which keeps the exponentials in range: c and n are
/// eᵐ times too small. Of W_hh, a block of each gate for each head, a unit sees its own head only.
/// Shapes: x (B, I), h, c, n, m (B, H), weight_ih (4H, I), weight_hh (4, heads, H / heads, H / heads), bias (4H,) or
///         empty.
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Errors: ShapeError where heads does not divide H.
/// Source: Beck et al. 2024, xLSTM, equations 8 to 17.
template <class T>
struct SlstmCell {
  using value_type = T;
  using State = SlstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f z o";
  static constexpr double nothing = -1e30;  ///< in place of −∞, which AnomalyMode might report
  Variable<T> weight_ih, weight_hh, bias;

  SlstmCell() = default;
  SlstmCell(index_t input, index_t hidden, index_t heads, bool with_bias = true,
            Generator& rng = default_generator()) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}, {"heads", heads}});
    if (hidden % heads != 0)
      raise<ShapeError>("slstm: need heads that divide the {} hidden units; got {}", hidden, heads);
    const index_t size = hidden / heads;
    weight_ih = detail::draw<T>({4 * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({4, heads, size, size}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({4 * hidden}, hidden, rng);
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_ih.shape()[0] / 4; }
  /// The number of blocks of weight_hh.
  index_t heads() const { return weight_hh.shape()[1]; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros, zeros, zeros};
  }

  Variable<T> project(const Variable<T>& x) const { return linear(x, weight_ih, bias); }

  // x is projected: W_ih x + b
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, weight_hh);
    auto [i_hat, f_hat, z_hat, o_hat] = chunk<4>(gates);
    Variable l = where(s.n, s.m - softplus(-f_hat), nothing);  // −softplus(−f̂) = log σ(f̂)
    Variable m = maximum(i_hat, l);
    Variable i = exp(i_hat - m), f = exp(l - m);
    Variable c = f * s.c + i * tanh(z_hat);
    Variable n = f * s.n + i;
    Variable h = sigmoid(o_hat) * c / n;
    return {h, c, n, m};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias", bias);
  }
};

/// See Recurrent and SlstmCell. `auto [y, state] = slstm(x);` with state.h, state.c, state.n and state.m.
template <class T = float>
class Slstm : public Recurrent<SlstmCell<T>> {
 public:
  Slstm() = default;
  Slstm(index_t input, index_t hidden, index_t heads = 1, const RecurrentOptions& options = {},
        Generator& rng = default_generator())
      : Recurrent<SlstmCell<T>>(
            input, [&](index_t size) { return SlstmCell<T>(size, hidden, heads, options.bias, rng); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(SlstmCell)

}  // namespace unroll
