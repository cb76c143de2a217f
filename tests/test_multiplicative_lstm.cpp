#include "unroll/layers/multiplicative_lstm.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

MultiplicativeLstmCell<double> multiplicative_cell(bool bias = true) {
  MultiplicativeLstmCell<double> cell(3, 4, bias);
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_multiplicative(const MultiplicativeLstmCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    Vec m = affine(cell.weight_mx, x);
    const Vec h = affine(cell.weight_mh, s[0]);
    for (std::size_t j = 0; j < 4; ++j) m[j] *= h[j];
    const Vec a = plus(affine(cell.weight_ih, x, cell.bias), affine(cell.weight_m, m));
    for (std::size_t j = 0; j < 4; ++j) {
      s[1][j] = sigma(a[4 + j]) * s[1][j] + sigma(a[j]) * std::tanh(a[8 + j]);
      s[0][j] = sigma(a[12 + j]) * std::tanh(s[1][j]);
    }
  };
}

}  // namespace

TEST_CASE("multiplicative_lstm: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = multiplicative_cell(bias);
    equals_plain(cell, plain_multiplicative(cell));
  }
}

TEST_CASE("multiplicative_lstm: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(multiplicative_cell());
  gradients_pass(multiplicative_cell(false));
}

TEST_CASE("multiplicative_lstm: second-order gradients pass the check") {
  second_order_passes(multiplicative_cell());
}

TEST_CASE("multiplicative_lstm: a layer of it names what does not fit") {
  errors_are_named(MultiplicativeLstm<double>(3, 4));
}
