#pragma once
/// \file The LSTM with a projection, a wide cell state and a narrow output: its cell, and the layer
/// `LstmProjection lstm(I, H, P, {.num_layers = 2});`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// LSTM with a projection: a wide cell state, a narrow output.
/// What:   i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;  c' = σ(f) ⊙ c + σ(i) ⊙ tanh(g);
///         h' = W_hr (σ(o) ⊙ tanh(c')).
/// Shapes: x (B, I), h (B, P), c (B, H), weight_ih (4H, I), weight_hh (4H, P), weight_hr (P, H), biases (4H,)
///         or empty.
/// Source: Sak, Senior, Beaufays 2014; PyTorch's nn.LSTM with proj_size.
template <class T>
struct LstmProjectionCell : GateWeights<T, 4> {
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_hr;

  LstmProjectionCell() = default;
  LstmProjectionCell(index_t input, index_t hidden, index_t projection, bool bias = true,
                     Generator& rng = default_generator())
      : GateWeights<T, 4>(input, hidden, projection, bias, rng),
        weight_hr(detail::draw<T>({projection, hidden}, hidden, rng)) {}

  State initial_state(index_t batch) const {
    return {Variable<T>({batch, weight_hr.shape()[0]}, T{0}),
            Variable<T>({batch, this->hidden_size()}, T{0})};
  }

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, this->weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f) * s.c + sigmoid(i) * tanh(g);
    Variable h = linear(sigmoid(o) * tanh(c), weight_hr);
    return {h, c};
  }

  template <class V>
  void visit(V&& v) {
    GateWeights<T, 4>::visit(v);
    v("weight_hr", weight_hr);
  }
};

/// See Recurrent and LstmProjectionCell. `auto [y, state] = lstm(x);` with y (T, B, D·P), state.h (D·L, B, P)
/// and state.c (D·L, B, H).
template <class T = float>
class LstmProjection : public Recurrent<LstmProjectionCell<T>> {
 public:
  LstmProjection() = default;
  LstmProjection(index_t input, index_t hidden, index_t projection, const RecurrentOptions& options = {},
                 Generator& rng = default_generator())
      : Recurrent<LstmProjectionCell<T>>(
            input,
            [&](index_t size) { return LstmProjectionCell<T>(size, hidden, projection, options.bias, rng); },
            options, rng) {}
};

UNROLL_COMPILED_CELL(LstmProjectionCell)

}  // namespace unroll
