#pragma once
/// \file How layers of a certain cell are made; for cells_*.cpp, each of which compiles some of them.

#include <algorithm>

#include "common/recurrent.hpp"

namespace unroll::program {

inline RecurrentOptions recurrent_options(const CellOptions& o) {
  return {.num_layers = o.layers,
          .dropout = o.dropout,
          .bidirectional = o.bidirectional,
          .variational = o.variational,
          .recurrent_dropout = o.recurrent_dropout,
          .zoneout = o.zoneout,
          .zoneout_memory = o.zoneout_memory};
}

/// For layers that are made from (input, hidden, options, rng).
template <class Layer>
AnyRecurrent<float> make_recurrent(const CellOptions& o, Generator& rng) {
  return Layer(o.input, o.hidden, recurrent_options(o), rng);
}

/// For layers that are made from (input, hidden, output, options, rng); `divisor`: hidden / output.
template <class Layer, index_t divisor>
AnyRecurrent<float> make_with_output(const CellOptions& o, Generator& rng) {
  const index_t output = std::max<index_t>(1, o.hidden / divisor);
  return Layer(o.input, o.hidden, output, recurrent_options(o), rng);
}

}  // namespace unroll::program
