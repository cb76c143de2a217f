#include "common/make_recurrent.hpp"
#include "unroll/layers/cfc.hpp"

namespace unroll::program {
namespace {

// A backbone of as many units as the state has; steps of length 1.
AnyRecurrent<float> make_cfc(const CellOptions& o, Generator& rng) {
  return Cfc<float>(o.input, o.hidden, recurrent_options(o), rng, {.units = o.hidden});
}

}  // namespace

CellKinds timed_cells() { return {{"cfc", {make_cfc, 1, 5}}}; }

}  // namespace unroll::program
