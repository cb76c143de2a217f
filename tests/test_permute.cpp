#include "unroll/autograd/permute.hpp"

#include <doctest/doctest.h>

#include <numeric>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("permute: every order of every rank equals the definition") {
  const std::vector<index_t> extents = {2, 3, 1, 20, 4};
  for (int rank = 0; rank <= 5; ++rank) {
    const Shape shape(extents.begin(), extents.begin() + rank);
    const auto x = random_parameter(shape, 1);
    std::vector<int> order(static_cast<std::size_t>(rank));
    std::iota(order.begin(), order.end(), 0);
    do {
      const Variable y = permute(x, order);
      const xt::xarray<double> expected =
          xt::transpose(x.value(), std::vector<std::ptrdiff_t>(order.begin(), order.end()));
      REQUIRE(list(y) == std::vector<double>(expected.begin(), expected.end()));
      REQUIRE(
          std::equal(y.shape().begin(), y.shape().end(), expected.shape().begin(), expected.shape().end()));
    } while (std::next_permutation(order.begin(), order.end()));
  }
}

TEST_CASE("permute: gradients of first and second order, also where one was there before") {
  const auto x = random_parameter({2, 3, 4}, 2);
  for (const std::vector<int>& order : {std::vector{0, 1, 2}, {2, 0, 1}, {1, 0, -1}, {-1, -2, -3}}) {
    const auto op = [&](const auto& in) { return permute(in[0], order); };
    gradcheck(op, {x});
    gradgradcheck([&](const auto& in) { return op(in) * op(in); }, {x});
    gradcheck([&](const auto& in) { return permute(slice(in[0], 2, 1, 3), order); }, {x});
  }
  const auto m = random_parameter({33, 18}, 3);  // more than a tile each way
  const auto seed = random_parameter({18, 33}, 4);
  transpose(m).backward(seed);
  transpose(m).backward(seed);
  const xt::xarray<double> twice = 2 * xt::transpose(seed.value());
  CHECK(gradient_list(m) == std::vector<double>(twice.begin(), twice.end()));
}

TEST_CASE("transpose: a matrix, two axes, an expression, an array without elements") {
  const auto x = values({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(list(transpose(x)) == std::vector<double>{1, 4, 2, 5, 3, 6});
  CHECK(list(transpose(x + x)) == std::vector<double>{2, 8, 4, 10, 6, 12});
  CHECK(transpose(reshape(x, {1, 2, 3}), 0, -1).shape() == Shape{3, 2, 1});
  CHECK(permute(Variable<double>({0, 3}, 0.0), {1, 0}).shape() == Shape{3, 0});
}

TEST_CASE("permute: orders that are none are refused") {
  const auto x = random_parameter({2, 3}, 5);
  CHECK(message_of<ShapeError>([&] { permute(x, {0}); }) == "permute: (2, 3) has 2 axes, but 1 are named");
  CHECK(message_of<IndexError>([&] { permute(x, {0, -2}); }) == "permute: axis -2 is named twice");
  CHECK_THROWS_AS(permute(x, {0, 2}), IndexError);
  CHECK_THROWS_AS(transpose(x, 0, 2), IndexError);
  CHECK(message_of<ShapeError>([&] { transpose(reshape(x, {6})); }) == "transpose: need a matrix; got (6,)");
  CHECK_THROWS_AS(permute(Variable<double>(), {}), UsageError);
}
