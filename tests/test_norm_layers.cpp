/// \file The layers RMSNorm and GroupNorm.

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/layers/check_visit.hpp"
#include "unroll/layers/group_norm.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/layers/rms_norm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

}  // namespace

TEST_CASE("rms norm layer: mean square 1 over the last axis, then γ") {
  RMSNorm<double> layer(4, {.eps = 0});
  const V x = values({2, 4}, {1, 1, 1, 5, 2, -2, 2, -2});
  const double s = std::sqrt(7);
  // One rounding each of square, root, quotient.
  CHECK(distance(list(layer(x)), {1 / s, 1 / s, 1 / s, 5 / s, 1, -1, 1, -1}) < 1e-15);
  layer.weight = row({2, 3, 4, 5});
  CHECK(distance(list(layer(x)), {2 / s, 3 / s, 4 / s, 25 / s, 2, -3, 4, -5}) < 4e-15);
  gradcheck([&](const auto&) { return layer(x); }, {x, layer.weight});
}

TEST_CASE("rms norm layer: eps is that of the number type where none is given, the weight is optional") {
  const V x = row({1e-8});
  CHECK(list(RMSNorm<double>(1)(x))[0] == doctest::Approx(1e-8 / std::sqrt(1e-16 + 0x1p-52)));
  const Variable<float> y = row<float>({1e-4});
  CHECK(list(RMSNorm<float>(1)(y))[0] == doctest::Approx(1e-4 / std::sqrt(1e-8 + 0x1p-23)));
  CHECK(parameters(RMSNorm<double>(3, {.affine = false})).empty());
  CHECK(parameters(RMSNorm<double>(3)).size() == 1);
}

TEST_CASE("rms norm layer: mistakes are named") {
  const RMSNorm<double> layer(3);
  CHECK(message_of<ShapeError>([&] { layer(V({2, 4}, 1.0)); }) == "rms_norm: need x (…, 3); got (2, 4)");
  CHECK_THROWS_AS(layer(V()), UsageError);
  CHECK_THROWS_AS(RMSNorm<double>()(V({2, 4}, 1.0)), UsageError);
  CHECK(message_of<ShapeError>([] { RMSNorm<double>(0); }) == "rms_norm: need at least 1 feature; got 0");
  CHECK(message_of<UsageError>([] { RMSNorm<double>(3, {.eps = -1}); }) ==
        "rms_norm: eps must be at least 0; got -1");
}

TEST_CASE("group norm layer: each group has mean 0 and variance 1, then γ and β") {
  GroupNorm<double> layer(2, 4, {.eps = 0});
  const V x = values({2, 4}, {1, 3, 10, 20, 5, -5, 7, 9});
  CHECK(distance(list(layer(x)), {-1, 1, -1, 1, 1, -1, -1, 1}) < 1e-15);
  layer.weight = row({1, 2, 3, 4});
  layer.bias = row({5, 6, 7, 8});
  CHECK(distance(list(layer(x)), {4, 8, 4, 12, 6, 4, 4, 12}) < 1e-15);
  const V z = random_parameter({3, 2, 6}, 1);
  const GroupNorm<double> three(3, 6);
  gradcheck([&](const auto& in) { return three(in[0]); }, {z});
}

TEST_CASE("group norm layer: parameters are optional, mistakes are named") {
  CHECK(parameters(GroupNorm<double>(1, 3, {.affine = false})).empty());
  CHECK(parameters(GroupNorm<double>(1, 3)).size() == 2);
  const GroupNorm<double> layer(2, 4);
  CHECK(message_of<ShapeError>([&] { layer(V({4, 2}, 1.0)); }) == "group_norm: need x (…, 4); got (4, 2)");
  CHECK_THROWS_AS(layer(V()), UsageError);
  CHECK_THROWS_AS(GroupNorm<double>()(V({4, 2}, 1.0)), UsageError);
  CHECK(message_of<ShapeError>([] { GroupNorm<double>(3, 4); }) ==
        "group_norm: need a number of channels that the groups divide; got 4 channels, 3 groups");
  CHECK_THROWS_AS(GroupNorm<double>(0, 4), ShapeError);
  CHECK_THROWS_AS(GroupNorm<double>(1, 0), ShapeError);
  CHECK(message_of<UsageError>([] { GroupNorm<double>(1, 4, {.eps = -1}); }) ==
        "group_norm: eps must be at least 0; got -1");
}

TEST_CASE("norm layers: visit names the weights, all of them") {
  const auto names = [](auto&& layer) {
    std::vector<std::string> found;
    layer.visit([&](const char* name, auto&) { found.push_back(name); });
    return found;
  };
  CHECK(names(RMSNorm<double>(3)) == std::vector<std::string>{"weight"});
  CHECK(names(GroupNorm<double>(1, 3)) == std::vector<std::string>{"weight", "bias"});
}
