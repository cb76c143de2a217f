#include "cell_checks.hpp"
#include "unroll/layers/skip_rnn.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Cell>
Cell scattered() {
  Cell cell(3, 4);
  scatter(cell, 1);
  return cell;
}

Vec pre_activations(const auto& cell, const Vec& x, const Vec& h) {
  return plus(affine(cell.weight_ih, x, cell.bias_ih), affine(cell.weight_hh, h, cell.bias_hh));
}

}  // namespace

TEST_CASE("skip: two steps of h + u equal the hand computation") {
  const auto cell = scattered<SkipCell<double>>();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec u = pre_activations(cell, x, s[0]);
    for (std::size_t j = 0; j < 4; ++j) s[0][j] += std::tanh(u[j]);
  });
}

TEST_CASE("forget gate: two steps of f h + (1 - f) u equal the hand computation") {
  const auto cell = scattered<ForgetGateCell<double>>();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec a = pre_activations(cell, x, s[0]);
    for (std::size_t j = 0; j < 4; ++j) {
      const double f = sigma(a[j]);
      s[0][j] = f * s[0][j] + (1 - f) * std::tanh(a[4 + j]);
    }
  });
}

TEST_CASE("input gate: two steps of f h + i u equal the hand computation") {
  const auto cell = scattered<InputGateCell<double>>();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec a = pre_activations(cell, x, s[0]);
    for (std::size_t j = 0; j < 4; ++j)
      s[0][j] = sigma(a[4 + j]) * s[0][j] + sigma(a[j]) * std::tanh(a[8 + j]);
  });
}

TEST_CASE("skip cells: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(scattered<SkipCell<double>>());
  gradients_pass(scattered<ForgetGateCell<double>>());
  gradients_pass(scattered<InputGateCell<double>>());
}

TEST_CASE("skip cells: second-order gradients pass the check") {
  second_order_passes(scattered<SkipCell<double>>());
  second_order_passes(scattered<ForgetGateCell<double>>());
  second_order_passes(scattered<InputGateCell<double>>());
}

TEST_CASE("skip cells: gradients of three layers pass the check") {
  stack_passes(SkipRnn<double>(2, 3, {.num_layers = 3}), 2);
  stack_passes(ForgetGateRnn<double>(2, 3, {.num_layers = 3}), 2);
  stack_passes(InputGateRnn<double>(2, 3, {.num_layers = 3, .bidirectional = true}), 2);
}

TEST_CASE("skip cells: the parameters are one, two and three blocks") {
  CHECK(names(SkipRnn<double>(3, 4)) ==
        "weight_ih_l0(4, 3) weight_hh_l0(4, 4) bias_ih_l0(4,) bias_hh_l0(4,)");
  CHECK(names(ForgetGateRnn<double>(3, 4, {.bias = false})) == "weight_ih_l0(8, 3) weight_hh_l0(8, 4)");
  CHECK(names(InputGateCell<double>(3, 4)) == "weight_ih(12, 3) weight_hh(12, 4) bias_ih(12,) bias_hh(12,)");
}

TEST_CASE("skip cells: wrong shapes are named") {
  errors_are_named(SkipRnn<double>(3, 4));
  errors_are_named(ForgetGateRnn<double>(3, 4));
  errors_are_named(InputGateRnn<double>(3, 4));
}
