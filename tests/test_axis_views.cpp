#include "unroll/autograd/axis_views.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("axis views: they share the value of their parent") {
  const auto x = random_parameter({4, 1, 6}, 1);
  CHECK(unsqueeze(x, 0).data() == x.data());
  CHECK(squeeze(x).data() == x.data());
  CHECK(squeeze(x).shape() == Shape{4, 6});
  const auto parts = split(x, {1, 2, 3}, 2);
  CHECK(parts[1].tensor()->data == x.data() + 1);
  CHECK(parts[2].tensor()->data == x.data() + 3);
  CHECK(parts[2].shape() == Shape{4, 1, 3});
  CHECK(split(x, {3, 1})[1].data() == x.data() + 18);
}

TEST_CASE("split: gradients of some pieces and of all, beside the parent") {
  const auto x = random_parameter({3, 6}, 1);
  const auto some = [](const auto& in) {
    const auto parts = split(Variable<double>(tanh(in[0])), {1, 0, 3, 2}, 1);
    return sum(square(parts[2])) + sum(parts[0]) * sum(parts[1]) + sum(in[0]);
  };
  gradcheck(some, {x});
  gradgradcheck(some, {x});
  const auto parts = split(x, {2, 4}, -1);
  Variable<double>(sum(parts[0]) + sum(parts[1]) * 2.0).backward();
  CHECK(gradient_list(x)[1] == 1);
  CHECK(gradient_list(x)[2] == 2);
}

TEST_CASE("split: no pieces of nothing, and pieces of an expression") {
  CHECK(split(Variable<double>({2, 0}, 0.0), {}, 1).empty());
  const auto x = row({1, 2, 3});
  CHECK(list(split(x * 2.0, {1, 2})[1]) == std::vector<double>{4, 6});
  CHECK(unsqueeze(x * 2.0, 1).shape() == Shape{3, 1});
  CHECK(squeeze(unsqueeze(x, 0) * 2.0, 0).shape() == Shape{3});
  constexpr index_t most = std::numeric_limits<index_t>::max();
  CHECK(message_of<ShapeError>([&] {
          split(x, {1, most, most});
        }) == "split: the extents exceed axis 0 of (3,)");
}
