#include "layers/elman.hpp"
#include "layers/skip_rnn.hpp"

namespace unroll {

template struct ElmanCell<float, Tanh>;
template struct ElmanCell<float, Relu>;
template struct SkipCell<float>;
template struct ForgetGateCell<float>;
template struct InputGateCell<float>;

template class Recurrent<ElmanCell<float, Tanh>>;
template class Recurrent<ElmanCell<float, Relu>>;
template class Recurrent<SkipCell<float>>;
template class Recurrent<ForgetGateCell<float>>;
template class Recurrent<InputGateCell<float>>;

}  // namespace unroll
