#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/core/check_indices.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/xtensor.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {
std::vector<std::int64_t> list(const Indices& indices) { return {indices.begin(), indices.end()}; }
}  // namespace

TEST_CASE("indices: made from lists, vectors and integer arrays of any kind") {
  CHECK(list(Indices{3, 1, 2}) == std::vector<std::int64_t>{3, 1, 2});
  CHECK(Indices{7}.shape() == Shape{1});
  CHECK(list(Indices(std::vector<std::int64_t>{4, 5})) == std::vector<std::int64_t>{4, 5});
  CHECK(Indices().size() == 0);
  const Indices matrix = xt::xtensor<int, 2>{{1, 2}, {3, 4}, {5, 6}};
  CHECK(matrix.shape() == Shape{3, 2});
  CHECK(list(matrix) == std::vector<std::int64_t>{1, 2, 3, 4, 5, 6});
  const xt::xtensor<std::uint8_t, 2, xt::layout_type::column_major> columns{{1, 2}, {3, 255}};
  CHECK(list(Indices(columns)) == std::vector<std::int64_t>{1, 2, 3, 255});
  CHECK(list(Indices(2 * xt::arange<int>(3))) == std::vector<std::int64_t>{0, 2, 4});
  CHECK(Indices(Shape{}, {5}).shape().rank() == 0);
}

TEST_CASE("indices: copies share their elements, and take another shape") {
  const Indices a{1, 2, 3, 4}, b = a, c = a.reshaped({2, 2});
  CHECK(b.data() == a.data());
  CHECK(c.data() == a.data());
  CHECK(c.shape() == Shape{2, 2});
  CHECK(message_of<ShapeError>([&] { a.reshaped({3}); }) == "Indices: (4,) has 4 elements, (3,) has 3");
  CHECK(message_of<ShapeError>([] {
          Indices(Shape{2, 2}, {1, 2, 3});
        }) == "Indices: (2, 2) has 4 elements; got 3 values");
}

TEST_CASE("indices: a check names op, position, value and range") {
  const auto check = [](const Indices& i) { detail::check_indices("op", "token", i, 4); };
  check({0, 3});
  CHECK(message_of<IndexError>([&] { check({0, 4}); }) == "op: token 4 at position 1 is outside [0, 4)");
  CHECK(message_of<IndexError>([&] {
          check(Indices(Shape{2, 2}, {0, 1, -1, 9}));
        }) == "op: token -1 at position (1, 0) is outside [0, 4)");
}
