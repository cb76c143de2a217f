#pragma once
/// \file The layer-normalised LSTM layer: `LayerNormLstm lstm(I, H);`.

#include "unroll/layers/layer_norm_lstm_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and LayerNormLstmCell. `auto [y, state] = lstm(x);` with state.h and state.c.
template <class T = float>
class LayerNormLstm : public Recurrent<LayerNormLstmCell<T>> {
 public:
  LayerNormLstm() = default;
  LayerNormLstm(index_t input, index_t hidden, const RecurrentOptions& options = {},
                Generator& rng = default_generator())
      : Recurrent<LayerNormLstmCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<LayerNormLstmCell<float>>;
extern template class Recurrent<LayerNormLstmCell<double>>;

}  // namespace unroll
