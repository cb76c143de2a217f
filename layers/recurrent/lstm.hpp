#pragma once
/// \file The LSTM layer: `Lstm lstm(I, H, {.layers = 2});`.

#include "unroll/layers/lstm_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and LstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
template <class T = float>
class Lstm : public Recurrent<LstmCell<T>> {
 public:
  Lstm() = default;
  Lstm(index_t input, index_t hidden, const RecurrentOptions& options = {},
       Generator& rng = default_generator())
      : Recurrent<LstmCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<LstmCell<float>>;
extern template class Recurrent<LstmCell<double>>;

}  // namespace unroll
