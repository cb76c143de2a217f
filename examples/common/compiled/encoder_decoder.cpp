#include "layers/encoder_decoder.hpp"
#include "layers/lstm_cell.hpp"

namespace unroll {

template class EncoderDecoder<LstmCell<float>, LuongDecoder>;

}  // namespace unroll
