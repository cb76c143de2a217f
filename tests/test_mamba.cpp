#include "unroll/layers/mamba.hpp"

#include "cell_checks.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/residual.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T = double>
MambaCell<T> small_mamba(index_t input = 3) {
  Generator rng(2);
  return MambaCell<T>(input, 4, MambaOptions{.states = 3, .taps = 3}, rng);
}

double silu_of(double v) { return v * sigma(v); }

}  // namespace

TEST_CASE("mamba: two steps equal the hand computation") {
  const auto cell = small_mamba();
  scatter(cell, 3);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec both = affine(cell.weight_in, x);
    Vec u(8), gated(8);
    for (std::size_t k = 0; k < 8; ++k) {
      const double* const w = cell.convolution.weight.data() + k * 3;
      u[k] = silu_of(w[0] * s[1][k] + w[1] * s[1][8 + k] + w[2] * both[k] + cell.convolution.bias.data()[k]);
      s[1][k] = s[1][8 + k], s[1][8 + k] = both[k];
    }
    const Vec selected = affine(cell.weight_select, u);
    const Vec step = affine(cell.linear_delta.weight, {selected[0]}, cell.linear_delta.bias);
    for (std::size_t k = 0; k < 8; ++k) {
      const double delta = std::log1p(std::exp(step[k]));
      double y = cell.skip.data()[k] * u[k];
      for (std::size_t n = 0; n < 3; ++n) {
        double& h = s[2][k * 3 + n];
        h = std::exp(-delta * std::exp(cell.log_a.data()[k * 3 + n])) * h + delta * u[k] * selected[1 + n];
        y += h * selected[4 + n];
      }
      gated[k] = y * silu_of(both[8 + k]);
    }
    s[0] = affine(cell.weight_out, gated);
  });
}

TEST_CASE("mamba: all steps at once equal one step at a time") {
  check_parallel(small_mamba());
  check_parallel(small_mamba<float>());
  Generator rng(3);
  check_parallel(ResidualCell<MambaCell<double>>(
      4, 4,
      [&](index_t in, index_t out) { return MambaCell<double>(in, out, MambaOptions{.states = 3}, rng); }, {},
      rng));
}

TEST_CASE("mamba: gradients of first and second order pass the check") {
  const auto cell = small_mamba();
  const V x = random_parameter({4, 2, 3}, 12);
  std::vector<V> inputs = leaves(cell);
  inputs.push_back(x);
  const auto f = [&](const auto&) { return scan(cell, x).output; };
  gradcheck(f, inputs, {.full = true});
  gradgradcheck(f, inputs);
  gradcheck([&](const auto&) { return scan(cell, x, {.lengths = {1, 4}}).output; }, inputs);
}

TEST_CASE("mamba: a stack streams as it trains, and begins as the paper says") {
  Generator rng(6);
  Mamba<double> net(3, 4, {.num_layers = 2}, rng);
  const V x = random_parameter({12, 2, 3}, 6).detach();
  const V y = net(x).output;
  auto s = stream(net, 2);
  for (index_t t = 0; t < 12; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
  const MambaCell<double>& cell = net.cell(0);
  CHECK(list(V(exp(cell.log_a)))[1] == doctest::Approx(2).epsilon(1e-12));
  for (const double v : list(V(softplus(cell.linear_delta.bias))))
    CHECK((v >= 0.001 - 1e-9 && v <= 0.1 + 1e-9));
  CHECK_THROWS_AS(MambaCell<double>(3, 0), ShapeError);
}
