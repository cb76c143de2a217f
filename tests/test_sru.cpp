#include "unroll/layers/sru.hpp"

#include "cell_checks.hpp"
#include "golden_sru.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

SruCell<double> sru_cell(index_t input, bool bias = true) {
  SruCell<double> cell(input, 4, bias, default_generator(), 1.3);
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_sru(const SruCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const Vec u = affine(cell.weight_ih, x);
    const auto v = cell.weight_c.data();
    for (std::size_t j = 0; j < 4; ++j) {
      const double b_f = cell.bias ? cell.bias.data()[j] : 0, b_r = cell.bias ? cell.bias.data()[4 + j] : 0;
      const double f = sigma(u[4 + j] + v[j] * s[1][j] + b_f), r = sigma(u[8 + j] + v[4 + j] * s[1][j] + b_r);
      const double skip = u.size() == 16 ? u[12 + j] : 1.3 * x[j];
      s[1][j] = f * s[1][j] + (1 - f) * u[j];
      s[0][j] = r * std::tanh(s[1][j]) + (1 - r) * skip;
    }
  };
}

template <class Cell>
Named golden_sru_run(const GoldenArrays& golden, const Named& in, double alpha) {
  Cell cell;
  cell.weight_ih = in.at("weight_ih"), cell.weight_c = in.at("weight_c"), cell.bias = in.at("bias");
  cell.alpha = alpha;
  auto state = cell.initial_state(in.at("x").shape()[1]);
  if (in.contains("c0")) state.c = in.at("c0");
  ScanOptions options;
  if (golden.contains("lengths")) options.lengths = indices(golden.at("lengths"));
  const auto [y, last] = scan(cell, in.at("x"), state, options);
  return {{"y", y}, {"c", last.c}};
}

}  // namespace

TEST_CASE("sru: outputs, states and gradients equal the golden ones") {
  for (const auto& [name, golden] : golden_sru) {
    CAPTURE(name);
    equals_golden(golden, [&](const Named& in) {
      if (name.starts_with("linear")) return golden_sru_run<SruCell<double, Identity>>(golden, in, 1.3);
      return golden_sru_run<SruCell<double, Tanh>>(golden, in, 1.3);
    });
  }
}

TEST_CASE("sru: two steps equal the hand computation, with the input and with a projection as the skip") {
  for (const bool bias : {true, false})
    for (const index_t input : {3, 4}) {
      const auto cell = sru_cell(input, bias);
      equals_plain(cell, plain_sru(cell));
    }
}

TEST_CASE("sru: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(sru_cell(3));
  gradients_pass(sru_cell(4, false));
}

TEST_CASE("sru: second-order gradients pass the check") { second_order_passes(sru_cell(4)); }

TEST_CASE("sru: a layer of it names what does not fit") {
  errors_are_named(Sru<double>(3, 4));
  errors_are_named(Sru<double, Identity>(3, 4));
}
