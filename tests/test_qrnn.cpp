#include "unroll/layers/qrnn.hpp"

#include "cell_checks.hpp"
#include "golden_qrnn.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

QrnnCell<double> qrnn_cell(bool bias = true) {
  QrnnCell<double> cell(3, 4, bias);
  scatter(cell, 1);
  return cell;
}

// The equations on plain numbers.
auto plain_qrnn(const QrnnCell<double>& cell) {
  return [&cell](const Vec& x, std::vector<Vec>& s) {
    const Vec a = plus(affine(cell.weight_0, x, cell.bias), s[2]);
    for (std::size_t j = 0; j < 4; ++j) {
      const double f = sigma(a[4 + j]);
      s[1][j] = (1 - f) * s[1][j] + f * std::tanh(a[j]);
      s[0][j] = sigma(a[8 + j]) * s[1][j];
    }
    s[2] = affine(cell.weight_1, x);
  };
}

}  // namespace

TEST_CASE("qrnn: outputs, states and gradients equal the golden ones") {
  for (const auto& [name, golden] : golden_qrnn) {
    if (name.find("no_output_gate") != std::string::npos) continue;  // another cell
    CAPTURE(name);
    equals_golden(golden, [&](const Named& in) -> Named {
      QrnnCell<double> cell;
      cell.weight_0 = in.at("weight_0"), cell.bias = in.at("bias");
      cell.weight_1 = in.contains("weight_1") ? in.at("weight_1") : V(cell.weight_0.shape(), 0.0);
      auto state = cell.initial_state(in.at("x").shape()[1]);
      if (in.contains("c0")) state.c = in.at("c0"), state.past = linear(in.at("x_before"), cell.weight_1);
      const auto [y, last] = scan(cell, in.at("x"), state);
      return {{"y", y}, {"c", last.c}};
    });
  }
}

TEST_CASE("qrnn: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = qrnn_cell(bias);
    equals_plain(cell, plain_qrnn(cell));
  }
}

TEST_CASE("qrnn: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(qrnn_cell());
  gradients_pass(qrnn_cell(false));
}

TEST_CASE("qrnn: second-order gradients pass the check") { second_order_passes(qrnn_cell()); }

TEST_CASE("qrnn: a layer of it names what does not fit") { errors_are_named(Qrnn<double>(3, 4)); }
