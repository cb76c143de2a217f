#include "unroll/autograd/prod.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("prod: values over each choice of axes") {
  const auto x = values({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  CHECK(prod(x).item() == 40320);
  CHECK(list(prod(x, {1})) == std::vector<double>{3, 8, 35, 48});
  CHECK(list(prod(x, {0, 2})) == std::vector<double>{60, 672});
  CHECK(prod(x, -1, {.keepdims = true}).shape() == Shape{2, 2, 1});
  CHECK(prod(x * 1.0).item() == 40320);
  CHECK(list(prod(Variable<double>({2, 0}, 0.0), {1})) == std::vector<double>{1, 1});
}

TEST_CASE("prod: the gradient is right with no zero, one, two and three, also recorded") {
  const auto x = values({4, 3}, {2, 3, -4, 2, 0, 4, 0, 3, 0, 0, 0, 0});
  const std::vector<double> want{-12, -8, 6, 0, 8, 0, 0, 0, 0, 0, 0, 0};
  const auto seed = row({1, 1, 1, 1});
  prod(x, {1}).backward(seed);
  CHECK(gradient_list(x) == want);
  CHECK(list(grad<double>({prod(x, {1})}, {x}, {.create_graph = true}, {seed})[0]) == want);
  const auto op = [](const auto& in) { return prod(in[0], {1}); };
  gradcheck(op, {x});
  gradgradcheck(op, {x});
}

TEST_CASE("prod: rows of every length, with a zero anywhere") {
  for (index_t cols = 1; cols < 12; ++cols) {
    const auto x = random_parameter({1, cols}, 3, 0.5, 2);
    double want = 1;
    for (double v : list(x)) want *= v;
    CHECK(prod(x).item() == doctest::Approx(want).epsilon(1e-14));  // other order of the factors
    for (index_t place = 0; place < cols; ++place) {
      Variable<double> zeroed = x.copy();
      zeroed.mutable_data()[place] = 0;
      zeroed.requires_grad(true);
      CHECK(prod(zeroed).item() == 0);
      prod(zeroed).backward();
      const auto at = static_cast<std::size_t>(place);
      CHECK(gradient_list(zeroed)[at] == doctest::Approx(want / list(x)[at]).epsilon(1e-14));
    }
  }
}

TEST_CASE("prod: infinities, NaN and rows whose gradient is 0") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  CHECK(prod(row({infinity, -2})).item() == -infinity);
  CHECK(std::isnan(prod(row({infinity, 0})).item()));
  CHECK(std::isnan(prod(row({std::nan(""), 0})).item()));
  const auto x = values({2, 2}, {std::nan(""), infinity, 3, 4});
  for (bool create_graph : {false, true})
    CHECK(list(grad<double>({prod(x, {1})}, {x}, {.create_graph = create_graph}, {row({0, 1})})[0]) ==
          std::vector<double>{0, 0, 4, 3});
}

TEST_CASE("prod: of floats whose partial products no float holds") {
  CHECK(prod(row<float>({1e30, 1e30, 1e-30, 1e-30})).item() == doctest::Approx(1).epsilon(1e-6));
  const auto x = row<float>({1e-30, 1e-30, 1e30, 1e30});
  prod(x).backward();
  CHECK(gradient_list(x)[0] == doctest::Approx(1e30).epsilon(1e-6));
}
