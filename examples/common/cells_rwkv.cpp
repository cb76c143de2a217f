#include "common/make_recurrent.hpp"
#include "unroll/layers/rwkv7.hpp"

namespace unroll::program {

CellKinds rwkv_cells() {
  // Of each block 4 H² weights of time mixing, 8 H² of channel mixing, and maps of rank 32 or more.
  return {{"rwkv7", {make_recurrent<Rwkv7<float>>, 0, 12, 1, 240}}};
}

}  // namespace unroll::program
