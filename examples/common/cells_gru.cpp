#include "common/make_recurrent.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/layer_norm_gru.hpp"

namespace unroll::program {

CellKinds gru_cells() {
  return {{"gru", {make_recurrent<Gru<float>>, 3, 3}},
          {"gru-reset-before", {make_recurrent<GruResetBefore<float>>, 3, 3}},
          {"layer-norm-gru", {make_recurrent<LayerNormGru<float>>, 3, 3}}};
}

}  // namespace unroll::program
