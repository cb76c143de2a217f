#pragma once
/// \file The layer-normalised GRU layer: `LayerNormGru gru(I, H);`.

#include "unroll/layers/layer_norm_gru_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and LayerNormGruCell. `auto [y, h] = gru(x);`
template <class T = float>
class LayerNormGru : public Recurrent<LayerNormGruCell<T>> {
 public:
  LayerNormGru() = default;
  LayerNormGru(index_t input, index_t hidden, const RecurrentOptions& options = {},
               Generator& rng = default_generator())
      : Recurrent<LayerNormGruCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<LayerNormGruCell<float>>;
extern template class Recurrent<LayerNormGruCell<double>>;

}  // namespace unroll
