#pragma once
/// \file The cells and layers that several programs use: compiled once, in this folder. Only the precompiled
/// header includes this; without it, each file compiles what it uses itself.

#include "layers/elman.hpp"
#include "layers/encoder_decoder.hpp"
#include "layers/gru.hpp"
#include "layers/gru_reset_before.hpp"
#include "layers/layer_norm_gru.hpp"
#include "layers/layer_norm_lstm.hpp"
#include "layers/lstm.hpp"
#include "layers/lstm_peephole.hpp"
#include "layers/skip_rnn.hpp"

namespace unroll {

extern template struct ElmanCell<float, Tanh>;
extern template struct ElmanCell<float, Relu>;
extern template struct SkipCell<float>;
extern template struct ForgetGateCell<float>;
extern template struct InputGateCell<float>;
extern template struct LstmCell<float>;
extern template struct LstmPeepholeCell<float>;
extern template struct LayerNormLstmCell<float>;
extern template struct GruCell<float>;
extern template struct GruResetBeforeCell<float>;
extern template struct LayerNormGruCell<float>;
extern template struct ElmanCell<double, Tanh>;
extern template struct ElmanCell<double, Relu>;
extern template struct LstmCell<double>;
extern template struct GruCell<double>;
extern template struct LstmPeepholeCell<double>;
extern template struct LayerNormLstmCell<double>;

extern template class Recurrent<ElmanCell<float, Tanh>>;
extern template class Recurrent<ElmanCell<float, Relu>>;
extern template class Recurrent<SkipCell<float>>;
extern template class Recurrent<ForgetGateCell<float>>;
extern template class Recurrent<InputGateCell<float>>;
extern template class Recurrent<LstmCell<float>>;
extern template class Recurrent<LstmPeepholeCell<float>>;
extern template class Recurrent<LayerNormLstmCell<float>>;
extern template class Recurrent<GruCell<float>>;
extern template class Recurrent<GruResetBeforeCell<float>>;
extern template class Recurrent<LayerNormGruCell<float>>;
extern template class Recurrent<ElmanCell<double, Tanh>>;
extern template class Recurrent<ElmanCell<double, Relu>>;
extern template class Recurrent<LstmCell<double>>;
extern template class Recurrent<GruCell<double>>;
extern template class EncoderDecoder<LstmCell<float>, LuongDecoder>;

}  // namespace unroll
