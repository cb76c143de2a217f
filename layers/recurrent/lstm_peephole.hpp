#pragma once
/// \file The LSTM with peepholes layer: `LstmPeephole lstm(I, H);`.

#include "unroll/layers/lstm_peephole_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and LstmPeepholeCell. `auto [y, state] = lstm(x);` with state.h and state.c.
template <class T = float>
class LstmPeephole : public Recurrent<LstmPeepholeCell<T>> {
 public:
  LstmPeephole() = default;
  LstmPeephole(index_t input, index_t hidden, const RecurrentOptions& options = {},
               Generator& rng = default_generator())
      : Recurrent<LstmPeepholeCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<LstmPeepholeCell<float>>;
extern template class Recurrent<LstmPeepholeCell<double>>;

}  // namespace unroll
