#include <doctest/doctest.h>

#include "arrays.hpp"
#include "golden_lstm.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/module.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;

namespace {

const auto& golden(const std::string& name) { return golden_lstm.at(name); }

// Some dozen roundings of 1e-16 on numbers of order 1, amplified through five steps.
constexpr double tolerance = 1e-10;

}  // namespace

TEST_CASE("lstm: outputs, states and all gradients equal PyTorch's, from non-zero initial states") {
  Lstm<double> lstm(3, 4, {.num_layers = 2});
  std::vector<NamedParameter<double>> leaves = parameters(lstm);
  CHECK(leaves.size() == 8);
  for (auto& p : leaves) {
    p.variable.update([&](auto& w) { std::copy(golden(p.name).begin(), golden(p.name).end(), w.data()); });
  }
  const V x = values({5, 2, 3}, golden("x")), h0 = values({2, 2, 4}, golden("h0")),
          c0 = values({2, 2, 4}, golden("c0"));
  leaves.insert(leaves.end(), {{"x", x}, {"h0", h0}, {"c0", c0}});

  const auto [y, state] = lstm(x, {h0, c0});
  CHECK(distance(list(y), golden("y")) < tolerance);
  CHECK(distance(list(state.h), golden("h")) < tolerance);
  CHECK(distance(list(state.c), golden("c")) < tolerance);

  const V loss = sum(y * values({5, 2, 4}, golden("seed_y")).detach()) +
                 sum(state.h * values({2, 2, 4}, golden("seed_h")).detach()) +
                 sum(state.c * values({2, 2, 4}, golden("seed_c")).detach());
  loss.backward();
  for (const auto& leaf : leaves) {
    CAPTURE(leaf.name);
    CHECK(distance(gradient_list(leaf.variable), golden("grad " + leaf.name)) < tolerance);
  }
}
