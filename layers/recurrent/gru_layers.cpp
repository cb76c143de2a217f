#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/layer_norm_gru.hpp"

namespace unroll {

template struct GruCell<float>;
template struct GruCell<double>;
template struct GruResetBeforeCell<float>;
template struct GruResetBeforeCell<double>;
template struct LayerNormGruCell<float>;
template struct LayerNormGruCell<double>;

template class Recurrent<GruCell<float>>;
template class Recurrent<GruCell<double>>;
template class Recurrent<GruResetBeforeCell<float>>;
template class Recurrent<GruResetBeforeCell<double>>;
template class Recurrent<LayerNormGruCell<float>>;
template class Recurrent<LayerNormGruCell<double>>;

}  // namespace unroll
