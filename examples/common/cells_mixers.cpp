#include "common/make_recurrent.hpp"
#include "unroll/layers/delta_net.hpp"
#include "unroll/layers/gated_delta.hpp"
#include "unroll/layers/gla.hpp"
#include "unroll/layers/griffin.hpp"
#include "unroll/layers/mamba.hpp"
#include "unroll/layers/ret_net.hpp"

namespace unroll::program {

CellKinds mixer_cells() {
  return {{"griffin", {make_recurrent<Griffin<float>>, 2, 3}},
          {"mamba", {make_recurrent<Mamba<float>>, 4, 2.125, 1, 112}},
          {"deltanet", {make_recurrent<DeltaNet<float>>, 3, 1, 1, 12}},
          {"gated-delta", {make_recurrent<GatedDelta<float>>, 4, 1}},
          {"gla", {make_recurrent<Gla<float>>, 4, 1, 1, 17}},
          {"retnet", {make_recurrent<RetNet<float>>, 4, 1}}};
}

}  // namespace unroll::program
