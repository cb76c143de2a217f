#include "unroll/layers/ind_rnn.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

IndRnnCell<double> ind_rnn_cell(bool bias = true) {
  IndRnnCell<double> cell(3, 4, bias);
  scatter(cell, 1);
  return cell;
}

// The equation on plain numbers.
auto plain_ind_rnn(const IndRnnCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const Vec a = affine(cell.weight_ih, x, cell.bias);
    for (std::size_t j = 0; j < 4; ++j) s[0][j] = std::max(0.0, a[j] + cell.weight_hh.data()[j] * s[0][j]);
  };
}

}  // namespace

TEST_CASE("ind_rnn: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = ind_rnn_cell(bias);
    equals_plain(cell, plain_ind_rnn(cell));
  }
}

TEST_CASE("ind_rnn: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(ind_rnn_cell());
  gradients_pass(ind_rnn_cell(false));
}

TEST_CASE("ind_rnn: second-order gradients pass the check") { second_order_passes(ind_rnn_cell()); }

TEST_CASE("ind_rnn: a layer of it names what does not fit") { errors_are_named(IndRnn<double>(3, 4)); }

TEST_CASE("ind_rnn: clip brings the recurrent weights back between the bounds") {
  auto cell = ind_rnn_cell();
  cell.weight_hh = values({4}, {-3, -0.5, 0.5, 3});
  cell.clip(1.5);
  CHECK(list(cell.weight_hh) == Vec{-1.5, -0.5, 0.5, 1.5});
  for (const double u : list(IndRnnCell<double>(3, 100).weight_hh)) CHECK((u >= 0 && u <= 1));
}
