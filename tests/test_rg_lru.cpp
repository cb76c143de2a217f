#include "unroll/layers/rg_lru.hpp"

#include "cell_checks.hpp"
#include "golden_rg_lru.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/griffin.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// Row-wise positions in a segment: 0 is a reset.
Indices resets_of(const std::vector<std::vector<int>>& positions) {
  const auto batch = static_cast<index_t>(positions.size()), time = static_cast<index_t>(positions[0].size());
  std::vector<std::int64_t> resets(static_cast<std::size_t>(time * batch), 0);
  for (index_t b = 0; b < batch; ++b)
    for (index_t t = 0; t < time; ++t)
      resets[static_cast<std::size_t>(t * batch + b)] =
          positions[static_cast<std::size_t>(b)][static_cast<std::size_t>(t)] == 0;
  return {Shape{time, batch}, resets};
}

void equals_reference(const ReferenceCase& golden, const Indices& resets, double started, double tolerance) {
  const index_t width = golden["Lambda"].size(), heads = golden["W_i"].shape()[0];
  RgLruCell<double> cell(width, width, RgLruOptions{.heads = heads});
  cell.lambda = golden["Lambda"];
  const V w_i = permute(golden["W_i"], {0, 2, 1}), w_r = permute(golden["W_r"], {0, 2, 1});
  cell.weight_gates = stack({w_i, w_r});
  cell.bias_gates = concat({reshape(golden["b_i"], {width}), reshape(golden["b_r"], {width})});
  const index_t batch = golden["x"].shape()[0];
  const V h0 = golden.has("h0") ? golden["h0"] : V({batch, width}, 0.0);
  const auto [y, state] = scan(cell, permute(golden["x"], {1, 0, 2}),
                               RgLruState<double>{h0, V({batch, 1}, started)}, {.resets = resets});
  ReferenceCase(golden).expect({{"y", permute(y, {1, 0, 2})}, {"h", state.h}}, tolerance);
}

template <class Cell>
Cell drawn(std::uint64_t seed, const RgLruOptions& options) {
  Generator rng(seed);
  return Cell(4, 4, options, rng);
}

}  // namespace

TEST_CASE("rg_lru: equals the reference code's outputs and gradients, with carried states and resets") {
  equals_reference(golden_rg_lru_resets(),
                   resets_of({{1, 2, 3, 4, 0, 1, 2, 0, 1}, {1, 2, 3, 4, 0, 0, 1, 2, 3}}), 1, 1e-13);
  // The reference cancels in 1 − a².
  equals_reference(golden_rg_lru_clip(), resets_of({{0, 1, 2, 0, 1, 0, 1}, {0, 1, 2, 0, 0, 1, 2}}), 0, 1e-12);
}

TEST_CASE("rg_lru and griffin: all steps at once equal one step at a time") {
  check_parallel(drawn<RgLruCell<double>>(1, {.heads = 2}));
  check_parallel(drawn<GriffinCell<double>>(1, {.heads = 2}));
  check_parallel(drawn<GriffinCell<float>>(1, {.heads = 2}));
}

TEST_CASE("rg_lru: the first step of a sequence takes the input whole") {
  const auto cell = drawn<RgLruCell<double>>(3, {});
  const V x = random_parameter({2, 1, 4}, 1).detach();
  const auto first = scan(cell, x);
  const auto [x_i, x_r] =
      chunk<2>(Variable<double>(linear(select(x, 0, 0), cell.weight_gates, cell.bias_gates)));
  CHECK(distance(list(select(first.output, 0, 0)), list(V(sigmoid(x_i) * select(x, 0, 0)))) < 1e-14);
  const auto again = scan(cell, x, first.state);
  CHECK(list(select(again.output, 0, 0)) != list(select(first.output, 0, 0)));
}

TEST_CASE("rg_lru and griffin: gradients of first and second order pass the check") {
  const auto check = [](const auto& cell) {
    const V x = random_parameter({4, 2, 4}, 12);
    std::vector<V> inputs = leaves(cell);
    inputs.push_back(x);
    const auto f = [&](const ScanOptions& o) {
      return [&cell, x, o](const auto&) { return scan(cell, x, o).output; };
    };
    gradcheck(f({}), inputs, {.full = true});
    gradcheck(f({.lengths = {1, 4}}), inputs);
    gradcheck(f({.resets = Indices({4, 2}, {0, 0, 1, 0, 0, 1, 0, 0})}), inputs);
    gradgradcheck(f({}), inputs);
  };
  check(drawn<RgLruCell<double>>(4, {.heads = 2}));
  check(drawn<GriffinCell<double>>(5, {.heads = 2}));
}

TEST_CASE("griffin: a stack streams as it trains") {
  Generator rng(6);
  Griffin<double> net(3, 4, {.num_layers = 2}, rng);
  const V x = random_parameter({20, 2, 3}, 6).detach();
  const V y = net(x).output;
  auto s = stream(net, 2);
  for (index_t t = 0; t < 20; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
}

TEST_CASE("rg_lru: decays begin in their range, and what does not fit is named") {
  Generator rng(1);
  const RgLruCell<double> cell(500, 500, RgLruOptions{.heads = 10, .r_min = 0.5, .r_max = 0.8}, rng);
  for (const double v : list(V(exp(-softplus(cell.lambda))))) CHECK((v >= 0.5 - 1e-9 && v <= 0.8 + 1e-9));
  CHECK(message_of<ShapeError>([] { RgLruCell<double>(3, 4); }) ==
        "rg_lru: need an input of the hidden size, a multiple of the heads; got input 3, hidden 4, heads 1");
  CHECK_THROWS_AS(RgLruCell<double>(4, 4, RgLruOptions{.heads = 3}), ShapeError);
  CHECK_THROWS_AS(RgLruCell<double>(4, 4, RgLruOptions{.r_max = 1}), UsageError);
}
