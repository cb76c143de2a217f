#include "unroll/layers/co_rnn.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

CoRnnCell<double> co_rnn_cell(bool bias = true) {
  CoRnnCell<double> cell(3, 4, bias, default_generator(), {.dt = 0.3, .gamma = 1.2, .epsilon = 0.8});
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_co_rnn(const CoRnnCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const Vec a = plus(plus(affine(cell.weight_ih, x, cell.bias), affine(cell.weight_hh, s[0])),
                       affine(cell.weight_zh, s[1]));
    for (std::size_t j = 0; j < 4; ++j) {
      s[1][j] += 0.3 * (std::tanh(a[j]) - 1.2 * s[0][j] - 0.8 * s[1][j]);
      s[0][j] += 0.3 * s[1][j];
    }
  };
}

}  // namespace

TEST_CASE("co_rnn: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = co_rnn_cell(bias);
    equals_plain(cell, plain_co_rnn(cell));
  }
}

TEST_CASE("co_rnn: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(co_rnn_cell());
  gradients_pass(co_rnn_cell(false));
}

TEST_CASE("co_rnn: second-order gradients pass the check") { second_order_passes(co_rnn_cell()); }

TEST_CASE("co_rnn: a layer of it names what does not fit, and passes its options on") {
  errors_are_named(CoRnn<double>(3, 4));
  CHECK(CoRnn<double>(3, 4, {}, default_generator(), {.dt = 0.5}).cell(0).options.dt == 0.5);
}
