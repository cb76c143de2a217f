#include "common/make_recurrent.hpp"
#include "unroll/layers/hgrn2.hpp"
#include "unroll/layers/kda.hpp"
#include "unroll/layers/mamba2.hpp"

namespace unroll::program {

/// Mamba-2 reads B and C, and KDA the small matrices of its gates, with a number of rows that does not grow with the hidden
/// size.
CellKinds matrix_cells() {
  return {{"mamba2", {make_recurrent<Mamba2<float>>, 4, 2, 1, 12, true, 2 * 64}},
          {"hgrn2", {make_recurrent<Hgrn2<float>>, 3, 1}},
          {"kda", {make_recurrent<Kda<float>>, 3, 1, 1, 2 * 16 + 12, true, 2 * 16}}};
}

}  // namespace unroll::program
