#include "unroll/layers/layer_norm_lstm.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"

namespace unroll {

UNROLL_COMPILE_TYPES(struct LstmCell, struct LstmPeepholeCell, struct LstmProjectionCell,
                     struct LayerNormLstmCell)

template class Recurrent<LstmCell<float>>;
template class Recurrent<LstmCell<double>>;
template class Recurrent<LstmPeepholeCell<float>>;
template class Recurrent<LstmPeepholeCell<double>>;
template class Recurrent<LstmProjectionCell<float>>;
template class Recurrent<LstmProjectionCell<double>>;
template class Recurrent<LayerNormLstmCell<float>>;
template class Recurrent<LayerNormLstmCell<double>>;

}  // namespace unroll
