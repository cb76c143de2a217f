#include "common/compiled_layers.hpp"

namespace unroll {

template class EncoderDecoder<LstmCell<float>, LuongDecoder>;

}  // namespace unroll
