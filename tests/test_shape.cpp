#include "unroll/autograd/shape.hpp"

#include <doctest/doctest.h>

#include <array>
#include <limits>

#include "unroll/autograd/error.hpp"

using namespace unroll;

TEST_CASE("shape: rank, size, extents from either end") {
  const Shape s{2, 3, 4};
  CHECK(s.rank() == 3);
  CHECK(s.size() == 24);
  CHECK(s[1] == 3);
  CHECK(s.back(0) == 4);
  CHECK(s.back(2) == 2);
  CHECK(s.back(3) == 1);
  CHECK(Shape{}.size() == 1);
  CHECK(Shape{0, 5}.size() == 0);
  CHECK(s.product(1, 3) == 12);
  CHECK(s.product(1, 1) == 1);
}

TEST_CASE("shape: written as Python writes it") {
  CHECK(Shape{}.str() == "()");
  CHECK(Shape{3}.str() == "(3,)");
  CHECK(Shape{3, 0}.str() == "(3, 0)");
}

TEST_CASE("shape: axes replaced, dropped and inserted") {
  const Shape s{2, 3, 4};
  CHECK(s.with(1, 7) == Shape{2, 7, 4});
  CHECK(s.without(0) == Shape{3, 4});
  CHECK(s.inserted(3, 1) == Shape{2, 3, 4, 1});
  CHECK(s.inserted(0, 9) == Shape{9, 2, 3, 4});
  CHECK(s.with(0, 0).size() == 0);
  CHECK_THROWS_AS((Shape{1, 1, 1, 1, 1}.inserted(0, 1)), ShapeError);
}

TEST_CASE("shape: axes that do not exist are refused by name") {
  const Shape s{2, 3};
  CHECK_THROWS_WITH_AS(s.with(2, 7), "shape: with: axis 2 is outside (2, 3), of rank 2", IndexError);
  CHECK_THROWS_AS(s.with(-1, 7), IndexError);
  CHECK_THROWS_AS(s.with(1 << 30, 7), IndexError);
  CHECK_THROWS_AS(Shape{}.with(0, 7), IndexError);
  CHECK_THROWS_AS(s.without(2), IndexError);
  CHECK_THROWS_AS(s.without(-1), IndexError);
  CHECK_THROWS_AS(s.inserted(3, 1), IndexError);
  CHECK_THROWS_AS(s.inserted(-1, 1), IndexError);
  CHECK_THROWS_AS(s.product(0, 3), IndexError);
  CHECK_THROWS_AS(s.product(-1, 1), IndexError);
  CHECK_THROWS_AS(s.product(-(1 << 30), 1 << 30), IndexError);
  CHECK(s.product(2, 2) == 1);
}

TEST_CASE("shape: equality looks at rank and extents") {
  CHECK(Shape{2, 3} == Shape{2, 3});
  CHECK_FALSE(Shape{2, 3} == Shape{3, 2});
  CHECK_FALSE(Shape{2} == Shape{2, 1});
  CHECK_FALSE(Shape{0, 2} == Shape{2, 0});
}

TEST_CASE("shape: negative extents, ranks above 5 and sizes that overflow are refused") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), "shape: extents must not be negative; got (2, -1)", ShapeError);
  CHECK_THROWS_WITH_AS((Shape{1, 1, 1, 1, 1, 1}),
                       "shape: the rank is at most 5; got (1, 1, 1, 1, 1) and more", ShapeError);
  const index_t big = index_t{1} << 32;
  CHECK_THROWS_WITH_AS((Shape{big, big}), "shape: (4294967296, 4294967296) has too many elements",
                       ShapeError);
  CHECK_THROWS_AS((Shape{std::numeric_limits<index_t>::max()}), ShapeError);
  CHECK_THROWS_AS((Shape{big, big, big, big}), ShapeError);  // the product wraps around to 0
}

TEST_CASE("shape: without elements, the other axes must not have too many together") {
  const index_t big = index_t{1} << 30;
  CHECK(Shape{big, 0, 2}.size() == 0);
  CHECK_THROWS_WITH_AS((Shape{big, 0, 3}), "shape: (1073741824, 0, 3) has no elements, but too many rows",
                       ShapeError);
  for (const auto& refused : {std::array{index_t{0}, big, big}, {big, 0, big}, {big, big, 0}})
    CHECK_THROWS_AS(Shape(refused.begin(), refused.end()), ShapeError);
  const Shape shape{0, big, 2};
  CHECK(shape.product(1, 3) == 2 * big);
  CHECK_THROWS_AS(shape.with(2, big), ShapeError);
  CHECK_THROWS_AS(broadcast("op", {0, big, 1}, {0, 1, big}), ShapeError);
}

TEST_CASE("shape: broadcasting follows NumPy") {
  CHECK(broadcast("op", {2, 3}, {3}) == Shape{2, 3});
  CHECK(broadcast("op", {2, 1}, {1, 3}) == Shape{2, 3});
  CHECK(broadcast("op", {}, {4, 5}) == Shape{4, 5});
  CHECK(broadcast("op", {0, 3}, {1, 3}) == Shape{0, 3});
  CHECK(broadcast("op", {5, 1, 3}, {4, 1}) == Shape{5, 4, 3});
  CHECK_THROWS_WITH_AS(broadcast("op", {2, 3}, {2}), "op: shapes do not broadcast; got (2, 3) and (2,)",
                       ShapeError);
  CHECK_THROWS_AS(broadcast("op", {0}, {2}), ShapeError);
  const index_t big = index_t{1} << 32;
  CHECK_THROWS_AS(broadcast("op", {big, 1}, {1, big}), ShapeError);
}

TEST_CASE("shape: axes count from the end where negative") {
  CHECK(normalise_axis("op", -1, 3) == 2);
  CHECK(normalise_axis("op", 0, 3) == 0);
  CHECK_THROWS_WITH_AS(normalise_axis("op", 3, 3), "op: axis 3 is outside an array of rank 3", IndexError);
  CHECK_THROWS_AS(normalise_axis("op", -4, 3), IndexError);
  CHECK_THROWS_AS(normalise_axis("op", 0, 0), IndexError);
}
