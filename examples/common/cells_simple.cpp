#include "common/make_recurrent.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/skip_rnn.hpp"

namespace unroll::program {

CellKinds simple_cells() {
  return {{"elman", {make_recurrent<Elman<float>>, 1, 1}},
          {"relu", {make_recurrent<Elman<float, Relu>>, 1, 1}},
          {"irnn", {make_recurrent<Irnn<float>>, 1, 1}},
          {"jordan", {make_with_output<Jordan<float>, 1>, 1, 2}},
          {"skip", {make_recurrent<SkipRnn<float>>, 1, 1, 1, 0, false}},
          {"forget-gate", {make_recurrent<ForgetGateRnn<float>>, 2, 2}},
          {"input-gate", {make_recurrent<InputGateRnn<float>>, 3, 3}}};
}

}  // namespace unroll::program
