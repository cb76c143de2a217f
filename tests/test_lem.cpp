#include "unroll/layers/lem.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

LemCell<double> lem_cell(bool bias = true) {
  LemCell<double> cell(3, 4, bias, default_generator(), 0.7);
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_lem(const LemCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const Vec a = affine(cell.weight_ih, x, cell.bias), v = affine(cell.weight_hh, s[0]);
    for (std::size_t j = 0; j < 4; ++j) {
      const double b = 0.7 * sigma(a[4 + j] + v[4 + j]);
      s[1][j] = (1 - b) * s[1][j] + b * std::tanh(a[12 + j] + v[8 + j]);
    }
    const Vec z = affine(cell.weight_zh, s[1]);
    for (std::size_t j = 0; j < 4; ++j) {
      const double d = 0.7 * sigma(a[j] + v[j]);
      s[0][j] = (1 - d) * s[0][j] + d * std::tanh(a[8 + j] + z[j]);
    }
  };
}

}  // namespace

TEST_CASE("lem: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = lem_cell(bias);
    equals_plain(cell, plain_lem(cell));
  }
}

TEST_CASE("lem: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(lem_cell());
  gradients_pass(lem_cell(false));
}

TEST_CASE("lem: second-order gradients pass the check") { second_order_passes(lem_cell()); }

TEST_CASE("lem: a layer of it names what does not fit, and passes its longest step on") {
  errors_are_named(Lem<double>(3, 4));
  CHECK(Lem<double>(3, 4, {}, default_generator(), 0.5).cell(0).dt == 0.5);
}
