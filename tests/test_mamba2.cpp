#include "unroll/layers/mamba2.hpp"

#include "golden_mamba2.hpp"
#include "sequence_cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// D = 8 channels, P = 2.
Mamba2Cell<double> mamba2_cell(const Mamba2Options& options = {
                                   .states = 3, .heads = 4, .groups = 2, .taps = 2}) {
  Generator rng(2);
  return Mamba2Cell<double>(3, 4, options, rng);
}

// Batch and time in the other order.
V time_first(const V& x) { return transpose(x, 0, 1); }

void equals_ssd(const ReferenceCase& golden, bool whole) {
  const V x = time_first(golden["x"]);
  const V dt = time_first(golden["dt"]);
  const V delta = whole ? V(softplus(dt + golden["dt_bias"])) : dt;
  // Theirs has the value axis before the key axis.
  const V start = whole ? V() : transpose(select(golden["initial_states"], 1, 0), -2, -1);
  auto [y, s] = detail::mamba2_scan(x, delta, golden["A"], time_first(golden["B"]), time_first(golden["C"]),
                                    whole ? golden["D"] : V(), start, {});
  if (whole) y = y * silu(time_first(golden["z"]));
  std::map<std::string, V> computed = {{"y", time_first(y)}};
  if (!whole) computed["state"] = transpose(s, -2, -1);
  ReferenceCase(golden).expect(computed);
}

}  // namespace

TEST_CASE("mamba2: the recurrence equals its authors', with groups, state, D, z, bias and softplus") {
  equals_ssd(golden_mamba2_gated(), true);
  equals_ssd(golden_mamba2_groups(), false);
}

TEST_CASE("mamba2: two steps equal the hand computation") {
  const auto cell = mamba2_cell();
  scatter(cell, 3);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec in = affine(cell.weight_in, x);  // z 8, x 8, B 6, C 6, δ̂ 4
    Vec u(20), y(8);
    for (std::size_t k = 0; k < 20; ++k) {
      const double* const w = cell.convolution.weight.data() + k * 2;
      u[k] = silu_of(w[0] * s[2][k] + w[1] * in[8 + k] + cell.convolution.bias.data()[k]);
      s[2][k] = in[8 + k];
    }
    for (std::size_t k = 0; k < 8; ++k) {
      const std::size_t head = k / 2, group = head / 2;
      const double delta = softplus_of(in[28 + head] + cell.bias_delta.data()[head]);
      y[k] = cell.skip.data()[head] * u[k];
      for (std::size_t n = 0; n < 3; ++n) {
        double& m = s[1][(head * 3 + n) * 2 + k % 2];
        m = std::exp(-delta * std::exp(cell.log_a.data()[head])) * m + u[8 + group * 3 + n] * delta * u[k];
        y[k] += m * u[14 + group * 3 + n];
      }
      y[k] *= silu_of(in[k]);
    }
    s[0] = affine(cell.weight_out, rms_normalised(y, 4, cell.weight_norm, 1e-5));
  });
}

TEST_CASE("mamba2: at once as step by step, and gradients of both orders") {
  sequence_cell_passes(mamba2_cell());
  check_parallel(mamba2_cell({.states = 5, .expand = 1}));
}

TEST_CASE("mamba2: a stack streams as it trains, begins as its code does, and names what does not fit") {
  Generator rng(6);
  const Mamba2<double> net(3, 4, {.num_layers = 2}, rng);
  streams_as_it_trains(net);
  errors_are_named(net);
  const auto cell = mamba2_cell();
  for (const double v : list(V(exp(cell.log_a)))) CHECK((v >= 1 && v < 16));
  for (const double v : list(V(softplus(cell.bias_delta)))) CHECK((v >= 0.001 - 1e-9 && v <= 0.1 + 1e-9));
  for (const double v : list(cell.skip)) CHECK(v == 1);
  CHECK(Mamba2Cell<double>(3, 96).heads() == 4);
  const auto message = [](const Mamba2Options& o) { return message_of<ShapeError>([&] { mamba2_cell(o); }); };
  const std::string needs =
      "mamba2: need heads that divide the 8 channels and groups that divide the heads; got heads ";
  CHECK(message({.heads = 3}) == needs + "3, groups 1");
  CHECK(message({.heads = 2, .groups = 4}) == needs + "2, groups 4");
  CHECK(message({.heads = -1}) == needs + "-1, groups 1");
  CHECK(message({.states = 0}) == "cell: need states from 1 to 2^40; got 0");
}
