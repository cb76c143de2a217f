// A stream runs a layer.
#include "unroll/unroll.hpp"

using namespace unroll;

void use() {
  auto live = stream(Gru<>(2, 3));
#if CASE == 1  // stream takes a recurrent layer, not a cell: stream.Recurrent.Cell..input, hidden..
  auto bare = stream(GruCell<float>(2, 3));
#endif
#if CASE == 2  // stream takes a recurrent layer, not a cell: stream.Recurrent.Cell..input, hidden..
  stream([](const Variable<float>& x, const Variable<float>&) { return x; }, 3);
#endif
#if CASE == 3  // stream takes a recurrent layer, not a cell: stream.Recurrent.Cell..input, hidden..
  Stream bare(LstmCell<float>(2, 3));
#endif
}
