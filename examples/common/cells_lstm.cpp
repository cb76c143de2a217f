#include "common/make_recurrent.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"

namespace unroll::program {

CellKinds lstm_cells() {
  return {{"lstm", {make_recurrent<Lstm<float>>, 4, 4}},
          {"lstm-peephole", {make_recurrent<LstmPeephole<float>>, 4, 4}},
          // Half as many outputs: weight_hh has 4 H · H/2 elements, weight_hr H/2 · H.
          {"lstm-projection", {make_with_output<LstmProjection<float>, 2>, 4, 2.5, 0.5}},
          {"layer-norm-lstm", {make_recurrent<LayerNormLstm<float>>, 4, 4}}};
}

}  // namespace unroll::program
