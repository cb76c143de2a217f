#include "layers/gru.hpp"
#include "layers/gru_reset_before.hpp"
#include "layers/layer_norm_gru.hpp"

namespace unroll {

template struct GruCell<float>;
template struct GruResetBeforeCell<float>;
template struct LayerNormGruCell<float>;

template class Recurrent<GruCell<float>>;
template class Recurrent<GruResetBeforeCell<float>>;
template class Recurrent<LayerNormGruCell<float>>;

}  // namespace unroll
