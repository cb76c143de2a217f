#include "unroll/layers/cfc.hpp"

#include "cell_checks.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/real_time_stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

CfcCell<double> cfc_cell(CfcMode mode, int layers = 1, bool bias = true) {
  CfcCell<double> cell(3, 2, bias, default_generator(), {.mode = mode, .units = 4, .layers = layers});
  scatter(cell, 1);
  return cell;
}
std::tuple<V, V> cfc_inputs(index_t steps) {
  return {random_parameter({steps, 2, 3}, 2), random_parameter({steps, 2, 1}, 3, 0.1, 2)};
}
HiddenState<double> cfc_start() { return {random_parameter({2, 2}, 4)}; }

Vec backbone(Vec v) {
  for (double& e : v) e = 1.7159 * std::tanh(0.666 * e);
  return v;
}

// The equations on plain numbers.
auto plain_cfc(const CfcCell<double>& cell) {
  return [&cell](const std::vector<Vec>& in, std::vector<Vec>& s) {
    Vec u = backbone(plus(affine(cell.weight_ih, in[0], cell.bias), affine(cell.weight_hh, s[0])));
    for (std::size_t k = 0; k < cell.weights.size(); ++k)
      u = backbone(affine(cell.weights[k], u, cell.biases.empty() ? V() : cell.biases[k]));
    const Vec out = affine(cell.weight_out, u, cell.bias_out);
    const double dt = in[1][0];
    for (std::size_t j = 0; j < 2; ++j) {
      if (cell.mode == CfcMode::pure) {
        const double f = out[j], rate = std::abs(cell.tau.data()[j]) + std::abs(f);
        s[0][j] = cell.amplitude.data()[j] * (1 - f * std::exp(-dt * rate));
        continue;
      }
      const double f = std::tanh(out[j]), g = std::tanh(out[2 + j]);
      const double share = sigma(out[4 + j] * dt + out[6 + j]);
      s[0][j] = cell.mode == CfcMode::no_gate ? f + share * g : f * (1 - share) + share * g;
    }
  };
}

}  // namespace

TEST_CASE("cfc: two steps equal the hand computation, in all modes") {
  for (const CfcMode mode : {CfcMode::gated, CfcMode::no_gate, CfcMode::pure}) {
    for (const auto& cell : {cfc_cell(mode), cfc_cell(mode, 3), cfc_cell(mode, 2, false)})
      several_equal_plain(cell, plain_cfc(cell), cfc_start(), cfc_inputs(2));
  }
}

TEST_CASE("cfc: gradients of scans pass the check, element by element, and those of gradients") {
  several_gradients_pass(cfc_cell(CfcMode::gated), cfc_start(), cfc_inputs(3));
  several_gradients_pass(cfc_cell(CfcMode::no_gate, 2, false), cfc_start(), cfc_inputs(3));
  several_gradients_pass(cfc_cell(CfcMode::pure), cfc_start(), cfc_inputs(3));
}

TEST_CASE("cfc: streams and parts of a sequence give the whole, and without dt it is 1") {
  const Cfc<double> net(3, 4, {.num_layers = 2}, default_generator(), {.units = 5});
  const auto [x, dt] = cfc_inputs(5);
  several_streams_pass(net, std::tuple{x, dt});
  const V ones({5, 2}, 1.0);
  CHECK(list(net(x).output) == list(net(x, ones).output));
  CHECK(list(AnyRecurrent<double>(net)(x).output) == list(net(x, ones).output));
  CHECK(distance(list(net(x, 2 * dt).output), list(net(x, dt).output)) > 1e-3);
}

TEST_CASE("cfc: a real-time stream takes x and dt side by side") {
  const Cfc<double> net(3, 4, {.num_layers = 2}, default_generator(), {.units = 5});
  auto fast = real_time_stream(net);
  auto slow = stream(net);
  REQUIRE(fast.input_size() == 4);
  const NoGrad off;
  for (int t = 0; t < 5; ++t) {
    const Vec in = {0.3 * t, -0.2, 0.1, 0.5 + t};
    Vec y(4);
    REQUIRE(fast.step(in, y));
    CHECK(y == list(slow.step(values({1, 3}, {in[0], in[1], in[2]}), values({1}, {in[3]}))));
  }
}

TEST_CASE("cfc: what does not fit is named") {
  errors_are_named(Cfc<double>(3, 4));
  CHECK(message_of<UsageError>([] { CfcCell<double>(3, 4, true, default_generator(), {.layers = 0}); }) ==
        "cfc: need 1 to 65,536 layers of the backbone; got 0");
  CHECK(message_of<ShapeError>([] { CfcCell<double>(3, 4, true, default_generator(), {.units = 0}); }) ==
        "cell: need units from 1 to 2^40; got 0");
}
