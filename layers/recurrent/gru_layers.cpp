#include "unroll/layers/gru.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/layer_norm_gru.hpp"

namespace unroll {

UNROLL_COMPILE_TYPES(struct GruCell, struct GruResetBeforeCell, struct LayerNormGruCell)

template class Recurrent<GruCell<float>>;
template class Recurrent<GruCell<double>>;
template class Recurrent<GruResetBeforeCell<float>>;
template class Recurrent<GruResetBeforeCell<double>>;
template class Recurrent<LayerNormGruCell<float>>;
template class Recurrent<LayerNormGruCell<double>>;

}  // namespace unroll
