#include "unroll/autograd/rearrange.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {
constexpr index_t very_many = index_t{1} << 30;
}

TEST_CASE("rearrange: flip, roll, pad and tile by hand") {
  const auto x = values({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(list(flip(x, 1)) == std::vector<double>{3, 2, 1, 6, 5, 4});
  CHECK(list(flip(x)) == std::vector<double>{6, 5, 4, 3, 2, 1});
  CHECK(list(roll(x, 1, 1)) == std::vector<double>{3, 1, 2, 6, 4, 5});
  CHECK(list(roll(x, -4, 1)) == list(roll(x, 2, 1)));
  CHECK(list(pad(x, {{1, 0}, {0, 1}}, 9)) == std::vector<double>{9, 9, 9, 9, 1, 2, 3, 9, 4, 5, 6, 9});
  CHECK(list(tile(x, {1, 2})) == std::vector<double>{1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6});
  CHECK(tile(x, {2, 1, 1}).shape() == Shape{2, 2, 3});
  CHECK(list(pad(x * 2.0, {{0, 0}, {0, 0}})) == std::vector<double>{2, 4, 6, 8, 10, 12});
  CHECK(list(roll(flip(x * 1.0, 0), 3, 1)) == list(flip(tile(x * 1.0, {1, 1}), 0)));
}

TEST_CASE("rearrange: shifts beyond any extent") {
  const auto x = row({1, 2, 3});
  CHECK(list(roll(x, std::numeric_limits<index_t>::min(), 0)) == list(roll(x, 1, 0)));  // −2^63 mod 3
  CHECK(list(roll(x, std::numeric_limits<index_t>::max(), 0)) == list(roll(x, 1, 0)));  // 2^63 − 1 mod 3
}

TEST_CASE("rearrange: what moves keeps its bits") {
  const double nan = std::nan("");
  const auto x = row({-0.0, nan, std::numeric_limits<double>::infinity()});
  CHECK(std::signbit(list(tile(x, {2}))[3]));
  CHECK(std::isnan(list(flip(x))[1]));
}

TEST_CASE("rearrange: a gradient is added to what is there") {
  const auto x = random_parameter({2, 3}, 1);
  const auto op = [](const auto& in) {
    const auto& v = in[0];
    return v + flip(v, 1) + roll(v, 1, 0) + sum(square(pad(v, {{1, 1}, {0, 2}}, 3))) + sum(tile(v, {3, 2}));
  };
  gradcheck(op, {x});
  gradgradcheck(op, {x});
}

TEST_CASE("rearrange: the gradient of a tile of very many copies is right") {
  auto x = Variable<float>({1, 1}, 1.0f);
  x.requires_grad(true);
  tile(x, {3'000'000, 5}).backward(Variable<float>({3'000'000, 5}, 0.1f));
  CHECK(x.grad()(0, 0) == doctest::Approx(1.5e7 * static_cast<double>(0.1f)).epsilon(1e-6));
}

TEST_CASE("rearrange: arrays without elements cost nothing, however long their other axes are") {
  const Variable<double> none({very_many, 0}, 0.0);
  CHECK(flip(none).shape() == none.shape());
  CHECK(roll(none, 1, 0).shape() == none.shape());
  CHECK(tile(none, {2, 3}).shape() == Shape{2 * very_many, 0});
  CHECK(tile(Variable<double>({0, 2}, 0.0), {very_many, 1}).shape() == Shape{0, 2});
  CHECK(pad(none, {{0, 1}, {0, 0}}).shape() == Shape{very_many + 1, 0});
}
