#pragma once
/// \file The GRU whose reset gate comes before the product layer: `GruResetBefore gru(I, H);`.

#include "unroll/layers/gru_reset_before_cell.hpp"
#include "unroll/layers/recurrent.hpp"

namespace unroll {

/// See Recurrent and GruResetBeforeCell. `auto [y, h] = gru(x);`
template <class T = float>
class GruResetBefore : public Recurrent<GruResetBeforeCell<T>> {
 public:
  GruResetBefore() = default;
  GruResetBefore(index_t input, index_t hidden, const RecurrentOptions& options = {},
                 Generator& rng = default_generator())
      : Recurrent<GruResetBeforeCell<T>>(input, hidden, options, rng) {}
};

extern template class Recurrent<GruResetBeforeCell<float>>;
extern template class Recurrent<GruResetBeforeCell<double>>;

}  // namespace unroll
