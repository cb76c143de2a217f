#include "common/make_recurrent.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::program {

/// The only cell of the demo's char_lm, in place of those of common/cells_*.cpp.
CellKinds lstm_cells() { return {{"lstm", {make_recurrent<Lstm<float>>, 4, 4}}}; }
CellKinds simple_cells() { return {}; }
CellKinds recent_cells() { return {}; }
CellKinds gru_cells() { return {}; }
CellKinds linear_cells() { return {}; }
CellKinds mixer_cells() { return {}; }
CellKinds matrix_cells() { return {}; }
CellKinds residual_cells() { return {}; }
CellKinds rwkv_cells() { return {}; }
CellKinds xlstm_cells() { return {}; }
CellKinds timed_cells() { return {}; }

}  // namespace unroll::program
