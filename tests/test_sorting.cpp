#include "unroll/autograd/sorting.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double highest = std::numeric_limits<double>::infinity();

std::vector<std::int64_t> places(const Indices& indices) { return {indices.begin(), indices.end()}; }

}  // namespace

TEST_CASE("sort: values and where they were, along each axis") {
  const auto x = values({2, 3}, {3, 1, 2, 0, 5, -1});
  const auto [values, indices] = sort(x);
  CHECK(list(values) == std::vector<double>{1, 2, 3, -1, 0, 5});
  CHECK(places(indices) == std::vector<std::int64_t>{1, 2, 0, 2, 0, 1});
  CHECK(indices.shape() == Shape{2, 3});
  CHECK(list(sort(x, 0).values) == std::vector<double>{0, 1, -1, 3, 5, 2});
  CHECK(places(sort(x, 0).indices) == std::vector<std::int64_t>{1, 0, 1, 0, 1, 0});
  CHECK(list(sort(x * -1.0, 1).values) == std::vector<double>{-3, -2, -1, -5, 0, 1});
}

TEST_CASE("sort, topk: those that are equal keep their order, in either direction") {
  std::vector<double> elements;
  for (int k = 0; k < 200; ++k) elements.push_back(k % 3);
  const auto x = row(elements);
  for (bool descending : {false, true}) {
    const std::vector<std::int64_t> order = places(sort(x, 0, {descending}).indices);
    for (std::size_t k = 1; k < order.size(); ++k)
      if (elements[static_cast<std::size_t>(order[k])] == elements[static_cast<std::size_t>(order[k - 1])])
        CHECK(order[k] > order[k - 1]);
    for (index_t n : {0, 1, 70, 199, 200})
      CHECK(places(topk(x, n, 0, {.largest = descending}).indices) ==
            std::vector<std::int64_t>(order.begin(), order.begin() + n));
  }
}

TEST_CASE_TEMPLATE("sort, topk: infinities and zeros in order, NaN as the largest", T, float, double) {
  const double nan = std::nan("");
  const auto x = row<T>({nan, 1, -highest, 0, highest, -0.0, nan, 2});
  const auto order = [](const Sorted<T>& s) { return places(s.indices); };
  CHECK(order(sort(x)) == std::vector<std::int64_t>{2, 3, 5, 1, 7, 4, 0, 6});
  CHECK(order(sort(x, -1, {.descending = true})) == std::vector<std::int64_t>{0, 6, 4, 7, 1, 3, 5, 2});
  CHECK(order(topk(x, 3)) == std::vector<std::int64_t>{0, 6, 4});
  CHECK(order(topk(x, 3, -1, {.largest = false})) == std::vector<std::int64_t>{2, 3, 5});
}

TEST_CASE("sort, topk: each element gets the gradient of its place") {
  const auto x = row({3, 1, 2, 1});
  sort(x).values.backward(row({10, 20, 30, 40}));
  CHECK(gradient_list(x) == std::vector<double>{40, 10, 30, 20});
  x.detach();
  const Variable g = grad<double>({topk(x, 2).values}, {x}, {.create_graph = true}, {row({1, 2})})[0];
  CHECK(list(g) == std::vector<double>{1, 0, 2, 0});
  const auto y = random_parameter({3, 5, 2}, 1);
  const auto squares = [](const auto& in) { return square(topk(in[0], 3, 1).values); };
  gradcheck(squares, {y});
  gradgradcheck(squares, {y});
}

TEST_CASE("sort, topk: arrays without elements, and k out of range") {
  constexpr index_t huge = index_t{1} << 30;
  for (int axis : {0, 1})
    CHECK(sort(Variable<double>({huge, 0}, 0.0), axis).values.shape() == Shape{huge, 0});
  const auto x = random_parameter({2, 3}, 1);
  CHECK(topk(x, 0).values.shape() == Shape{2, 0});
  CHECK(topk(x, 0).indices.shape() == Shape{2, 0});
  CHECK(message_of<IndexError>([&] { topk(x, 3, 0); }) ==
        "topk: k must be 0 to 2 for axis 0 of (2, 3); got 3");
  CHECK_THROWS_AS(sort(Variable<double>()), UsageError);
}
