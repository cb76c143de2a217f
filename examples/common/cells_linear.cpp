#include "common/make_recurrent.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/rtu.hpp"

namespace unroll::program {

CellKinds linear_cells() {
  return {{"mingru", {make_recurrent<MinGru<float>>, 2, 0}},
          {"minlstm", {make_recurrent<MinLstm<float>>, 3, 0}},
          {"lru", {make_recurrent<Lru<float>>, 2, 2}},
          {"rtu", {make_recurrent<Rtu<float>>, 2, 0, 2}}};
}

}  // namespace unroll::program
