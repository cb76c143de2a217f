#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gate_saturation.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// Weights 0, so that the gates follow from the biases alone; those of the gates in order.
template <class Layer>
Layer fixed_gates(index_t hidden, const std::vector<double>& biases) {
  const Layer layer(2, hidden);
  for (auto& p : parameters(layer)) init::constant(p.variable, 0);
  V bias = layer.cell(0).bias_ih;
  bias.update([&](auto& b) {
    for (std::size_t k = 0; k < biases.size(); ++k)
      for (index_t j = 0; j < hidden; ++j)
        b(k * static_cast<std::size_t>(hidden) + static_cast<std::size_t>(j)) = biases[k];
  });
  return layer;
}

std::string text(const GateSaturation& saturation) {
  std::string text;
  for (const auto& g : saturation.gates())
    text += fmt::format("{} {} {} {}/{}/{}; ", g.layer, g.name, g.function, g.low, g.high, g.count);
  return text;
}

}  // namespace

TEST_CASE("gate saturation: gates of an LSTM that are stuck by construction") {
  // i shut, f open, g at 1, o between; c grows only by shut gates, so that tanh(c) stays small.
  const auto lstm = fixed_gates<Lstm<double>>(3, {-9, 9, 9, 0});
  const V x({4, 2, 2}, 1.0);
  GateSaturation saturation;
  lstm(x);
  CHECK(text(saturation) ==
        "layer 0 f sigmoid 0/24/24; layer 0 i sigmoid 24/0/24; layer 0 g tanh 0/24/24; "
        "layer 0 o sigmoid 0/0/24; layer 0 tanh 5 tanh 0/0/24; ");
  CHECK(saturation.gates()[0].high_share() == 1);
  CHECK(saturation.gates()[0].low_share() == 0);
  saturation.clear();
  CHECK(saturation.gates().empty());
}

TEST_CASE("gate saturation: gates of a GRU, for any batch, with and without a tape") {
  const auto gru = fixed_gates<Gru<double>>(3, {-9, 9, -9});
  const auto counted = [&](index_t batch) {
    GateSaturation saturation;
    gru(V({4, batch, 2}, 1.0));
    return text(saturation);
  };
  const std::string expected =
      "layer 0 r sigmoid {0}/0/{0}; layer 0 n tanh {0}/0/{0}; layer 0 z sigmoid 0/{0}/{0}; ";
  CHECK(counted(1) == fmt::format(fmt::runtime(expected), 12));
  CHECK(counted(2) == fmt::format(fmt::runtime(expected), 24));
  const NoGrad off;
  CHECK(counted(2) == fmt::format(fmt::runtime(expected), 24));
}

TEST_CASE("gate saturation: the share is counted element by element, at the margin asked for") {
  const V x = values({1, 1, 4}, {-4, -2, 2, 4});  // σ: 0.018, 0.119, 0.881, 0.982
  const auto cell = [](const V& x_t, const V&) -> V { return sigmoid(x_t); };
  for (const auto& [margin, expected] : std::vector<std::pair<double, int>>{{0.05, 1}, {0.2, 2}, {0.01, 0}}) {
    GateSaturation saturation(margin);
    scan(cell, x, V({1, 4}, 0.0));
    REQUIRE(saturation.gates().size() == 1);
    CHECK(saturation.gates()[0].name == "sigmoid 1");
    CHECK(saturation.gates()[0].low == expected);
    CHECK(saturation.gates()[0].high == expected);
  }
  CHECK_THROWS_AS(GateSaturation(0.6), UsageError);
}

TEST_CASE("gate saturation: a user's cell, gates by number, more steps than one, steps apart") {
  const V w = random_parameter({6, 2}, 1), u = random_parameter({6, 3}, 2);
  const auto cell = [&](const V& x, const V& h) -> V {
    auto [a, b] = chunk<2>(linear(x, w) + linear(h, u));
    return sigmoid(b) * tanh(a) + 0.1 * h;
  };
  GateSaturation saturation;
  tanh(V({2, 2}, 9.0)) + V({2, 2}, 1.0);  // outside of a step: not counted
  scan(cell, random_parameter({5, 2, 2}, 3), V({2, 3}, 0.0));
  const auto gates = saturation.gates();
  REQUIRE(gates.size() == 2);
  CHECK(gates[0].name == "2 of 2");
  CHECK(gates[1].name == "1 of 2");
  CHECK(gates[1].function == "tanh");
  for (const auto& g : gates) CHECK(g.count == 5 * 2 * 3);
}

TEST_CASE("gate saturation: looking on changes nothing, and only while it lives") {
  const Lstm<double> lstm(3, 4, {.num_layers = 2, .bidirectional = true});
  const V x = random_parameter({5, 2, 3}, 4);
  const auto run = [&] { return list(lstm(x, {.lengths = {5, 2}}).output); };
  const std::vector<double> plain = run();
  GateSaturation outer;
  {
    GateSaturation inner;
    CHECK(run() == plain);
    CHECK(inner.gates().size() == 4 * 5);
    for (const auto& g : inner.gates()) CHECK(g.count == (5 + 2) * 4);
  }
  run();
  CHECK(outer.gates()[0].count == 2 * (5 + 2) * 4);
}
