#include "examples/common/recurrent_of.hpp"
#include "layers/gru.hpp"
#include "layers/gru_reset_before.hpp"
#include "layers/layer_norm_gru.hpp"

namespace unroll::program {

CellKinds gru_cells() {
  return {{"gru", {make_recurrent<Gru<float>>, 3, 3}},
          {"gru-reset-before", {make_recurrent<GruResetBefore<float>>, 3, 3}},
          {"layer-norm-gru", {make_recurrent<LayerNormGru<float>>, 3, 3}}};
}

}  // namespace unroll::program
