#include "unroll/layers/causal_conv1d_layer.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/module.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("causal_conv1d layer: shapes, names and the range of the initial weights") {
  const CausalConv1d<double> conv(3, 4);
  const auto named = parameters(conv);
  REQUIRE(named.size() == 2);
  CHECK(named[0].name == "weight");
  CHECK(named[0].variable.shape() == Shape{3, 4});
  CHECK(named[1].variable.shape() == Shape{3});
  for (const double w : list(conv.weight)) CHECK(std::abs(w) <= 0.5);  // 1/√4
  const CausalConv1d<double> full(4, 4, {.outputs = 5, .bias = false});
  CHECK(full.weight.shape() == Shape{5, 4, 4});
  CHECK(!full.bias);
  double largest = 0;
  for (const double w : list(full.weight)) largest = std::max(largest, std::abs(w));
  CHECK(largest <= 0.25);  // 1/√16
  CHECK(largest > 0.2);    // of 80 numbers
}

TEST_CASE("causal_conv1d layer: steps of a stream have the outputs and the state of the whole sequence") {
  for (const index_t outputs : {0, 5}) {
    const CausalConv1d<double> conv(3, 4, {.outputs = outputs});
    const Variable<double> x = random_parameter({6, 2, 3}, 1);
    const auto whole = conv(x);
    Variable<double> state = conv.initial_state(2);
    std::vector<Variable<double>> ys;
    for (index_t t = 0; t < 6; ++t) {
      auto [y, next] = conv.step(select(x, 0, t), state);
      ys.push_back(y), state = next;
    }
    CHECK(list(stack(ys)) == list(whole.output));
    CHECK(list(state) == list(whole.state));
  }
}

TEST_CASE("causal_conv1d layer: mistakes are named") {
  const CausalConv1d<float> conv(3, 4), empty;
  const Variable<float> x({2, 3}, 0.F);
  CHECK(message_of<ShapeError>([] { CausalConv1d<float>(0, 4); }) ==
        "causal_conv1d layer: need at least 1 feature and tap, and no negative outputs; got 0, 4 and 0");
  CHECK(message_of<ShapeError>([] { CausalConv1d<float>(3, 4, {.outputs = -1}); }) ==
        "causal_conv1d layer: need at least 1 feature and tap, and no negative outputs; got 3, 4 and -1");
  CHECK(message_of<UsageError>([&] { empty(x); }).starts_with("causal_conv1d layer: the layer is empty"));
  CHECK_THROWS_AS(empty.step(x, x), UsageError);
  CHECK_THROWS_AS(empty.initial_state(1), UsageError);
  CHECK(message_of<UsageError>([&] { conv.step(x, {}); }) ==
        "causal_conv1d layer: the state is empty; initial_state(B) gives the first");
  CHECK_THROWS_AS(conv.step({}, conv.initial_state(2)), UsageError);
  CHECK(message_of<ShapeError>([&] { conv.step(Variable<float>({3}, 0.F), conv.initial_state(2)); }) ==
        "causal_conv1d layer: need a step x (B, I); got (3,)");
}
