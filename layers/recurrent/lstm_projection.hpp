#pragma once
/// \file The layer of LSTM cells with a projection: `LstmProjection lstm(I, H, P, {.layers = 2});`.

#include "unroll/layers/lstm_projection_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

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

extern template class Recurrent<LstmProjectionCell<float>>;
extern template class Recurrent<LstmProjectionCell<double>>;

}  // namespace unroll
