#include "translate/model_of.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::translate {

Decoders lstm_models() { return models_of<LstmCell<float>>(); }

}  // namespace unroll::translate
