#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/embedding.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/module.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;

TEST_CASE("layers: one that was not constructed says so") {
  const auto message = [](auto&& f) { return message_of<UsageError>(f); };
  const std::string is_empty = ": the layer is empty; assign a constructed one first";
  CHECK(message([] { Linear<double>()(row({1, 2})); }) == "linear layer" + is_empty);
  CHECK(message([] { Embedding<double>()({1, 2}); }) == "embedding" + is_empty);
  CHECK(message([] { LayerNorm<double>()(row({1})); }) == "layer_norm" + is_empty);
}

TEST_CASE("linear layer: y = x Wᵀ + b for one row and many") {
  Linear<double> layer(2, 3);
  layer.weight = values({3, 2}, {1, 2, 3, 4, 5, 6});
  layer.bias = row({10, 20, 30});
  CHECK(list(layer(row({1, -1}))) == std::vector{9.0, 19.0, 29.0});
  CHECK(layer(V({4, 5, 2}, 1.0)).shape() == Shape{4, 5, 3});
  layer.bias = {};
  CHECK(list(layer(row({1, -1}))) == std::vector{-1.0, -1.0, -1.0});
}

TEST_CASE("linear layer: parameters begin within 1/√I and take gradients") {
  Generator rng(21);
  const Linear<double> layer(16, 50, {}, rng);
  for (const auto& p : parameters(layer)) {
    CHECK(p.variable.requires_grad());
    for (const double x : list(p.variable)) REQUIRE(std::abs(x) <= 0.25);
  }
  CHECK(parameters(Linear<double>(2, 3, {.bias = false}, rng)).size() == 1);
  const V x = random_parameter({3, 16}, 5);
  gradcheck([&](const auto&) { return layer(x); }, {x, layer.weight, layer.bias});
}

TEST_CASE("linear layer: takes expressions, and names shapes that do not fit") {
  Generator rng(22);
  const Linear<double> layer(2, 3, {}, rng);
  const V x = row({1, 2});
  CHECK(list(layer(x * 2.0)) == list(layer(row({2, 4}))));
  CHECK_THROWS_WITH_AS(layer(row({1, 2, 3})), "linear: need x (…, I) and W (O, I); got x (3,), W (3, 2)",
                       ShapeError);
  CHECK_THROWS_AS(Linear<double>(0, 3), ShapeError);
  CHECK_THROWS_AS(Linear<double>(2, -3), ShapeError);
}

TEST_CASE("embedding: picks rows, keeps the padding row at zero and gives it no gradient") {
  Generator rng(23);
  const Embedding<double> layer(4, 2, {.padding_index = 1}, rng);
  CHECK(list(layer.weight)[2] == 0);
  CHECK(list(layer.weight)[3] == 0);
  const V y = layer(Indices(Shape{2, 2}, {3, 1, 0, 3}));
  CHECK(y.shape() == Shape{2, 2, 2});
  CHECK(list(y)[0] == list(layer.weight)[6]);
  sum(y).backward();
  CHECK(gradient_list(layer.weight) == std::vector{1.0, 1.0, 0.0, 0.0, 0.0, 0.0, 2.0, 2.0});
}

TEST_CASE("embedding: sizes, padding and tokens out of range are refused") {
  CHECK_THROWS_AS(Embedding<double>(0, 2), ShapeError);
  CHECK_THROWS_WITH_AS(Embedding<double>(4, 2, {.padding_index = 4}),
                       "embedding: padding_index must be in [0, 4); got 4", IndexError);
  CHECK_THROWS_AS(Embedding<double>(4, 2)({4}), IndexError);
}

TEST_CASE("dropout: masks and scales in training, is the identity otherwise") {
  Dropout<double> layer(0.25, RandomKey{.seed = 5});
  const V x({1000}, 3.0);
  const auto y = list(layer(x));
  const auto kept = std::count(y.begin(), y.end(), 4.0), gone = std::count(y.begin(), y.end(), 0.0);
  CHECK(kept + gone == 1000);
  CHECK(std::abs(gone - 250) < 70);  // five deviations of √(1000 · 0.25 · 0.75)
  eval(layer);
  CHECK(layer(x).same_as(x));
}

TEST_CASE("dropout: every call in training has a mask of its own, which the key repeats") {
  const Dropout<double> layer(0.5, RandomKey{.seed = 6});
  const V x({64}, 1.0);
  const auto first = list(layer(x)), second = list(layer(x));
  CHECK(first != second);
  CHECK(layer.key().step == 2);
  const Dropout<double> resumed(0.5, RandomKey{.seed = 6, .step = 1});
  CHECK(list(resumed(x)) == second);
  Generator rng(24);
  const Dropout<double> a(0.5, rng), b(0.5, rng);
  CHECK(list(a(x)) != list(b(x)));
  CHECK_THROWS_WITH_AS(Dropout<double>(1.5), "dropout: p must be in [0, 1]; got 1.5", UsageError);
  CHECK_THROWS_AS(Dropout<double>(std::nan("")), UsageError);
}

TEST_CASE("layer norm: mean 0 and variance 1 over the last axis, then γ and β") {
  LayerNorm<double> layer(4, {.eps = 0});
  const V x = values({2, 4}, {1, 2, 3, 4, 10, 20, 30, 40});
  const double s = std::sqrt(1.25);
  const std::vector<double> expected = {-1.5 / s, -0.5 / s, 0.5 / s, 1.5 / s};
  std::vector<double> both = expected;
  both.insert(both.end(), expected.begin(), expected.end());
  CHECK(distance(list(layer(x)), both) < 1e-14);  // a few roundings
  layer.weight = row({2, 2, 2, 2});
  layer.bias = row({1, 1, 1, 1});
  CHECK(list(layer(x))[0] == doctest::Approx(1 - 3 / s).epsilon(1e-14));  // as above
  gradcheck([&](const auto&) { return layer(x); }, {x, layer.weight, layer.bias});
}

TEST_CASE("layer norm: parameters are optional, shapes are checked") {
  const LayerNorm<double> plain(3, {.affine = false});
  CHECK(parameters(plain).empty());
  CHECK(parameters(LayerNorm<double>(3)).size() == 2);
  CHECK_THROWS_WITH_AS(plain(V({2, 4}, 1.0)), "layer_norm: need x (…, 3); got (2, 4)", ShapeError);
  CHECK_THROWS_AS(LayerNorm<double>(0), ShapeError);
  CHECK_THROWS_AS(LayerNorm<double>(3, {.eps = -1}), UsageError);
}
