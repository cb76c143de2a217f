#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"

namespace unroll {

template struct LstmCell<float>;
template struct LstmCell<double>;
template struct LstmPeepholeCell<float>;
template struct LstmPeepholeCell<double>;
template struct LstmProjectionCell<float>;
template struct LstmProjectionCell<double>;
template struct LayerNormLstmCell<float>;
template struct LayerNormLstmCell<double>;

template class Recurrent<LstmCell<float>>;
template class Recurrent<LstmCell<double>>;
template class Recurrent<LstmPeepholeCell<float>>;
template class Recurrent<LstmPeepholeCell<double>>;
template class Recurrent<LstmProjectionCell<float>>;
template class Recurrent<LstmProjectionCell<double>>;
template class Recurrent<LayerNormLstmCell<float>>;
template class Recurrent<LayerNormLstmCell<double>>;

}  // namespace unroll
