#include "unroll/layers/elman.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/skip_rnn.hpp"

namespace unroll {

template struct ElmanCell<float, Tanh>;
template struct ElmanCell<float, Relu>;
template struct ElmanCell<double, Tanh>;
template struct ElmanCell<double, Relu>;
template struct JordanCell<float, Tanh>;
template struct JordanCell<double, Tanh>;
UNROLL_COMPILE_TYPES(struct SkipCell, struct ForgetGateCell, struct InputGateCell)

template class Recurrent<ElmanCell<float, Tanh>>;
template class Recurrent<ElmanCell<float, Relu>>;
template class Recurrent<ElmanCell<double, Tanh>>;
template class Recurrent<ElmanCell<double, Relu>>;
template class Recurrent<JordanCell<float, Tanh>>;
template class Recurrent<JordanCell<double, Tanh>>;
template class Recurrent<SkipCell<float>>;
template class Recurrent<SkipCell<double>>;
template class Recurrent<ForgetGateCell<float>>;
template class Recurrent<ForgetGateCell<double>>;
template class Recurrent<InputGateCell<float>>;
template class Recurrent<InputGateCell<double>>;

}  // namespace unroll
