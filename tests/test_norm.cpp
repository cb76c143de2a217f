#include "unroll/autograd/norm.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("norm: values over each choice of axes") {
  const auto x = values({2, 2, 2}, {3, 0, 4, 0, 0, 5, 0, 12});
  CHECK(list(norm(x, {1})) == std::vector<double>{5, 0, 0, 13});
  CHECK(list(norm(x, {1, 2})) == std::vector<double>{5, 13});
  CHECK(list(norm(x, {0, 2})) == list(sqrt(sum(square(x), {0, 2})).evaluate()));
  CHECK(norm(x).item() == doctest::Approx(std::sqrt(194.0)).epsilon(1e-15));  // one rounding
  CHECK(norm(x, -1, {.keepdims = true}).shape() == Shape{2, 2, 1});
}

TEST_CASE("norm: a long float vector does not lose its last elements") {
  const Variable<float> x({2'000'000}, 0.1f);
  // 2e6 terms in partial sums of 4,096: far below the 5 % of one running sum.
  CHECK(norm(x).item() == doctest::Approx(std::sqrt(2e6) * 0.1).epsilon(1e-5));
}

TEST_CASE("norm: the slope at 0 is 0") {
  const auto x = values({2, 2}, {0, 0, 3, 4});
  norm(x, {1}).backward(row({1, 5}));
  CHECK(gradient_list(x) == std::vector<double>{0, 0, 3, 4});
  const Variable g = grad<double>({norm(x, {1})}, {x}, {.create_graph = true}, {row({1, 5})})[0];
  CHECK(list(g) == std::vector<double>{0, 0, 3, 4});
  for (double d : list(grad(sum(g), x))) CHECK(std::isfinite(d));
}

TEST_CASE("norm: gradients of first and second order") {
  const auto x = random_parameter({3, 2, 4}, 1);
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}, Axes{-1}, Axes{0, 2}}) {
    for (bool keepdims : {false, true}) {
      const auto op = [&](const auto& in) { return norm(in[0], axes, {keepdims}); };
      gradcheck(op, {x});
      gradgradcheck(op, {x});
    }
  }
}

TEST_CASE("norm: takes expressions and arrays without elements, and refuses wrong axes") {
  const auto x = random_parameter({2, 3}, 2);
  CHECK(norm(x * 1.0).item() == norm(x).item());
  CHECK(list(norm(Variable<double>({2, 0}, 0.0), {1})) == std::vector<double>{0, 0});
  CHECK(message_of<IndexError>([&] { norm(x, {2}); }) == "norm: axis 2 is outside an array of rank 2");
  CHECK_THROWS_AS(norm(Variable<double>()), UsageError);
}

TEST_CASE("norm: rows whose squares overflow or vanish, in float and double") {
  const auto check = [](auto type, double scale) {
    using T = decltype(type);
    CAPTURE(sizeof(T));
    CAPTURE(scale);
    const auto x = values<T>({2, 2}, {3 * scale, 4 * scale, 0, -2 * scale});
    const Variable<T> y = norm(x, -1);
    CHECK(static_cast<double>(y.data()[0]) / scale == doctest::Approx(5).epsilon(1e-6));
    CHECK(static_cast<double>(y.data()[1]) / scale == doctest::Approx(2).epsilon(1e-6));
    for (bool create_graph : {false, true}) {
      const std::vector<double> g = list(grad(sum(norm(x, -1)), x, {.create_graph = create_graph}));
      CHECK(g[0] == doctest::Approx(0.6).epsilon(1e-6));
      CHECK(g[1] == doctest::Approx(0.8).epsilon(1e-6));
      CHECK(g[2] == 0);
      CHECK(g[3] == doctest::Approx(-1).epsilon(1e-6));
    }
  };
  for (double scale : {1.0, 1e20, 6e37, 1e-20, 1e-30}) check(float{}, scale);
  for (double scale : {1e160, 3e307, 1e-160, 1e-300}) check(double{}, scale);
  CHECK(norm(row<float>({std::numeric_limits<double>::infinity(), 1})).item() ==
        std::numeric_limits<float>::infinity());
  CHECK(std::isnan(norm(row({std::nan(""), 1e300})).item()));
}
