#include "layers/lstm.hpp"
#include "layers/layer_norm_lstm.hpp"
#include "layers/lstm_peephole.hpp"

namespace unroll {

template struct LstmCell<float>;
template struct LstmPeepholeCell<float>;
template struct LayerNormLstmCell<float>;

template class Recurrent<LstmCell<float>>;
template class Recurrent<LstmPeepholeCell<float>>;
template class Recurrent<LayerNormLstmCell<float>>;

}  // namespace unroll
