#pragma once
/// \file The LSTM with peepholes, whose gates see the cell state: cell, and layer `LstmPeephole`.

#include "unroll/detail/layers/recurrent/library_layer.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

/// LSTM with peepholes: the gates see the cell state.
/// What:   i, f, g, o = W_ih x + b_ih + W_hh h + b_hh;
///         c' = σ(f + w_cf ⊙ c) ⊙ c + σ(i + w_ci ⊙ c) ⊙ tanh(g);
///         h' = σ(o + w_co ⊙ c') ⊙ tanh(c').
/// Shapes: as LstmCell; weight_ci, weight_cf, weight_co (H,): each unit's gates see its own cell only.
/// Source: Gers and Schmidhuber 2000; Graves 2013, equations 7 to 11.
template <class T>
struct LstmPeepholeCell : LstmCell<T> {
  using State = LstmState<T>;
  static constexpr bool row_wise = true;
  Variable<T> weight_ci, weight_cf, weight_co;

  LstmPeepholeCell() = default;
  LstmPeepholeCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : LstmCell<T>(input, hidden, bias, rng),
        weight_ci(detail::draw<T>({hidden}, hidden, rng)),
        weight_cf(detail::draw<T>({hidden}, hidden, rng)),
        weight_co(detail::draw<T>({hidden}, hidden, rng)) {}

  // x is projected: W_ih x + b_ih + b_hh
  [[gnu::noinline]] State step(const Variable<T>& x, const State& s) const {
    Variable gates = x + linear(s.h, this->weight_hh);
    auto [i, f, g, o] = chunk<4>(gates);
    Variable c = sigmoid(f + weight_cf * s.c) * s.c + sigmoid(i + weight_ci * s.c) * tanh(g);
    Variable h = sigmoid(o + weight_co * c) * tanh(c);
    return {h, c};
  }

  template <class V>
  void visit(V&& v) {
    LstmCell<T>::visit(v);
    v("weight_ci", weight_ci);
    v("weight_cf", weight_cf);
    v("weight_co", weight_co);
  }
};

/// See Recurrent and LstmPeepholeCell. `auto [y, state] = lstm(x);` with state.h and state.c.
UNROLL_LAYER(LstmPeephole, LstmPeepholeCell)

}  // namespace unroll
