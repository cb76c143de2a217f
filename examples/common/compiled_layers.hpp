#pragma once
/// \file Layers that several programs use and the library does not compile: compiled once, here. Only the
/// precompiled header includes this; without it, each file compiles what it uses itself.

#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll {

extern template class EncoderDecoder<LstmCell<float>, LuongDecoder>;

}  // namespace unroll
