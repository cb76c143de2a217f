#include "unroll/layers/mogrifier_lstm.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

MogrifierLstmCell<double> mogrifier_cell(bool bias = true, int rounds = 5) {
  MogrifierLstmCell<double> cell(3, 4, bias, default_generator(), rounds);
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_mogrifier(const MogrifierLstmCell<double>& cell) {
  return [&cell](Vec x, std::vector<Vec>& s) {
    for (std::size_t k = 0; k < cell.mogrifiers.size(); ++k) {
      Vec &to = k % 2 == 0 ? x : s[0], gate = affine(cell.mogrifiers[k], k % 2 == 0 ? s[0] : x);
      for (std::size_t j = 0; j < to.size(); ++j) to[j] *= 2 * sigma(gate[j]);
    }
    const Vec a = plus(affine(cell.weight_ih, x, cell.bias), affine(cell.weight_hh, s[0]));
    for (std::size_t j = 0; j < 4; ++j) {
      s[1][j] = sigma(a[4 + j]) * s[1][j] + sigma(a[j]) * std::tanh(a[8 + j]);
      s[0][j] = sigma(a[12 + j]) * std::tanh(s[1][j]);
    }
  };
}

}  // namespace

TEST_CASE("mogrifier_lstm: two steps equal the hand computation") {
  for (const int rounds : {0, 1, 2, 5}) {
    const auto cell = mogrifier_cell(rounds != 2, rounds);
    equals_plain(cell, plain_mogrifier(cell));
  }
}

TEST_CASE("mogrifier_lstm: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(mogrifier_cell());
  gradients_pass(mogrifier_cell(false, 2));
}

TEST_CASE("mogrifier_lstm: second-order gradients pass the check") {
  second_order_passes(mogrifier_cell(true, 3));
}

TEST_CASE("mogrifier_lstm: a layer of it names what does not fit, and its parameters") {
  errors_are_named(MogrifierLstm<double>(3, 4));
  CHECK(message_of<UsageError>([] { MogrifierLstm<double>(3, 4, -1); }) ==
        "mogrifier_lstm: need rounds of at least 0; got -1");
  CHECK(names(MogrifierLstm<double>(3, 4, 2)) ==
        "weight_ih_l0(16, 3) weight_hh_l0(16, 4) bias_l0(16,) mogrifier_0_l0(3, 4) mogrifier_1_l0(4, 3)");
}
