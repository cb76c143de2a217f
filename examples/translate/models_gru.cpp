#include "translate/model_of.hpp"
#include "unroll/layers/gru.hpp"

namespace unroll::translate {

Decoders gru_models() { return models_of<GruCell<float>>(); }

}  // namespace unroll::translate
