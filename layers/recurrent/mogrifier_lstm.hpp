#pragma once
/// \file The Mogrifier LSTM, whose input and state gate each other before the cell sees them: its cell, and the layer
/// `MogrifierLstm lstm(I, H, rounds);`.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// An LSTM whose input and hidden state gate each other before.
/// What:   round 1, 3, …: x ← 2 σ(Q h) ⊙ x;  round 2, 4, …: h ← 2 σ(Q x) ⊙ h, each with a Q of its own;
///         i, f, g, o = W_ih x + W_hh h + b;
///         c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);
///         h' = σ(o) ⊙ tanh(c').
/// x depends on h, so no product can be made before the loop.
/// Shapes: x (B, I), h and c (B, H), weight_ih (4H, I), weight_hh (4H, H), bias (4H,) or empty, mogrifier_0, mogrifier_2,
///         … (I, H), mogrifier_1, … (H, I).
/// Init:   U(−1/√H, 1/√H) for all of them.
/// Errors: UsageError for a negative number of rounds.
/// Source: Melis, Kočiský, Blunsom 2020, without the low-rank form of the Q.
template <class T>
struct MogrifierLstmCell {
  using value_type = T;
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  static constexpr const char* gate_names = "i f g o";
  Variable<T> weight_ih, weight_hh, bias;
  std::vector<Variable<T>> mogrifiers;  ///< the Q, round by round

  MogrifierLstmCell() = default;
  MogrifierLstmCell(index_t input, index_t hidden, bool with_bias = true,
                    Generator& rng = default_generator(), int rounds = 5) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    if (rounds < 0) raise<UsageError>("mogrifier_lstm: need rounds of at least 0; got {}", rounds);
    weight_ih = detail::draw<T>({4 * hidden, input}, hidden, rng);
    weight_hh = detail::draw<T>({4 * hidden, hidden}, hidden, rng);
    if (with_bias) bias = detail::draw<T>({4 * hidden}, hidden, rng);
    for (int k = 0; k < rounds; ++k)
      mogrifiers.push_back(
          detail::draw<T>(k % 2 == 0 ? Shape{input, hidden} : Shape{hidden, input}, hidden, rng));
  }

  index_t input_size() const { return weight_ih.shape()[1]; }
  index_t hidden_size() const { return weight_hh.shape()[1]; }
  State initial_state(index_t batch) const {
    const Variable<T> zeros({batch, hidden_size()}, T{0});
    return {zeros, zeros};
  }

  [[gnu::noinline]] State step(const Variable<T>& x0, const State& s) const {
    Variable<T> x = x0, h = s.h;
    for (std::size_t k = 0; k < mogrifiers.size(); ++k) {
      const Variable<T>& q = mogrifiers[k];
      if (k % 2 == 0)
        x = 2 * sigmoid(linear(h, q)) * x;
      else
        h = 2 * sigmoid(linear(x, q)) * h;
    }
    Variable<T> gates = linear(x, weight_ih, bias) + linear(h, weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable<T> c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable<T> y = sigmoid(o) * tanh(c);
    return {y, c};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_ih", weight_ih);
    v("weight_hh", weight_hh);
    v("bias", bias);
    for (std::size_t k = 0; k < mogrifiers.size(); ++k) v("mogrifier_" + std::to_string(k), mogrifiers[k]);
  }
};

/// See Recurrent and MogrifierLstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
template <class T = float>
class MogrifierLstm : public Recurrent<MogrifierLstmCell<T>> {
 public:
  MogrifierLstm() = default;
  MogrifierLstm(index_t input, index_t hidden, int rounds = 5, const RecurrentOptions& options = {},
                Generator& rng = default_generator())
      : Recurrent<MogrifierLstmCell<T>>(
            input,
            [&](index_t size) { return MogrifierLstmCell<T>(size, hidden, options.bias, rng, rounds); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(MogrifierLstmCell)

}  // namespace unroll
