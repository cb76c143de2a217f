#include "unroll/autograd/triangular.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("tril, triu: matrices of any form, with the diagonal moved either way") {
  const auto x = values({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(list(tril(x)) == std::vector<double>{1, 0, 0, 4, 5, 0});
  CHECK(list(tril(x, 1)) == std::vector<double>{1, 2, 0, 4, 5, 6});
  CHECK(list(tril(x, -1)) == std::vector<double>{0, 0, 0, 4, 0, 0});
  CHECK(list(triu(x)) == std::vector<double>{1, 2, 3, 0, 5, 6});
  CHECK(list(triu(x, 2)) == std::vector<double>{0, 0, 3, 0, 0, 0});
  CHECK(list(triu(x, -5)) == list(x));
  CHECK(list(tril(x * 2.0, -1)) == std::vector<double>{0, 0, 0, 8, 0, 0});
  CHECK(list(triu(x * 1.0, 1)) == std::vector<double>{0, 2, 3, 0, 0, 6});
}

TEST_CASE("tril, triu: what is cut off passes nothing on, not even NaN") {
  const double nan = std::nan("");
  const auto x = values({2, 2}, {1, nan, nan, 4});
  CHECK(list(tril(triu(x))) == std::vector<double>{1, 0, 0, 4});
  sum(tril(triu(x))).backward();
  CHECK(gradient_list(x) == std::vector<double>{1, 0, 0, 1});
}

TEST_CASE("tril, triu: a gradient is added to what is there") {
  const auto x = random_parameter({2, 3, 4}, 1);
  const auto op = [](const auto& in) { return in[0] * tril(in[0], 1) + square(triu(in[0])) + tril(in[0]); };
  gradcheck(op, {x});
  gradgradcheck(op, {x});
}

TEST_CASE("tril, triu: an array without elements costs nothing, however long its other axis is") {
  constexpr index_t huge = index_t{1} << 30;
  CHECK(tril(Variable<double>({huge, 0}, 0.0)).shape() == Shape{huge, 0});
  CHECK(message_of<ShapeError>([] { triu(Variable<double>({3}, 1.0)); }) ==
        "triu: need matrices (…, R, C); got (3,)");
}
