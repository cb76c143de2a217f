#include "layers/elman.hpp"
#include "layers/gru.hpp"
#include "layers/layer_norm_lstm_cell.hpp"
#include "layers/lstm.hpp"
#include "layers/lstm_peephole_cell.hpp"

namespace unroll {

template struct ElmanCell<double, Tanh>;
template struct ElmanCell<double, Relu>;
template struct LstmCell<double>;
template struct GruCell<double>;
template struct LstmPeepholeCell<double>;
template struct LayerNormLstmCell<double>;

template class Recurrent<ElmanCell<double, Tanh>>;
template class Recurrent<ElmanCell<double, Relu>>;
template class Recurrent<LstmCell<double>>;
template class Recurrent<GruCell<double>>;

}  // namespace unroll
