#pragma once
/// \file The GRU layer: `Gru gru(I, H, {.layers = 2});`.

#include "unroll/layers/gru_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and GruCell. `auto [y, h] = gru(x);`
template <class T = float>
class Gru : public Recurrent<GruCell<T>> {
 public:
  Gru() = default;
  Gru(index_t input, index_t hidden, const RecurrentOptions& options = {},
      Generator& rng = default_generator())
      : Recurrent<GruCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<GruCell<float>>;
extern template class Recurrent<GruCell<double>>;

}  // namespace unroll
