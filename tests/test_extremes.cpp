#include "unroll/autograd/extremes.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {
constexpr double infinity = std::numeric_limits<double>::infinity();
}

TEST_CASE("max: values over each choice of axes") {
  const auto x = values({2, 2, 3}, {1, 8, 3, 4, 5, 6, 7, 2, 9, 0, -1, -2});
  CHECK(list(max(x)) == std::vector<double>{9});
  CHECK(max(x).rank() == 0);
  CHECK(list(max(x, {0})) == std::vector<double>{7, 8, 9, 4, 5, 6});
  CHECK(list(max(x, {1})) == std::vector<double>{4, 8, 6, 7, 2, 9});
  CHECK(list(max(x, {-1})) == std::vector<double>{8, 6, 9, 0});
  CHECK(list(max(x, {0, 2})) == std::vector<double>{9, 6});
  CHECK(max(x, {0, 2}, {.keepdims = true}).shape() == Shape{1, 2, 1});
  CHECK(list(min(x, {0, 2})) == std::vector<double>{1, -2});
}

TEST_CASE_TEMPLATE("max: rows of every length, with the largest element anywhere", T, float, double) {
  for (index_t cols = 1; cols < 40; ++cols) {
    for (index_t place = 0; place < cols; ++place) {
      Variable<T> x({1, cols}, T{-2});
      x.mutable_data()[place] = T{-1};
      CHECK(max(x).item() == T{-1});
    }
  }
}

TEST_CASE("max: ties share the gradient equally") {
  const auto x = values({2, 4}, {1, 3, 3, 3, 2, 2, 0, 1});
  max(x, {1}).backward(row({6, 8}));
  CHECK(gradient_list(x) == std::vector<double>{0, 2, 2, 2, 4, 4, 0, 0});
  const Variable g = grad<double>({max(x, {1})}, {x}, {.create_graph = true}, {row({6, 8})})[0];
  CHECK(list(g) == gradient_list(x));
}

TEST_CASE("max: NaN wins, wherever it stands, in value and gradient") {
  for (std::size_t place : {0u, 3u, 9u, 19u}) {
    std::vector<double> elements(20, 1.0);
    elements[place] = std::nan("");
    const auto x = row(elements);
    CHECK(std::isnan(max(x).item()));
    CHECK(std::isnan(min(x).item()));
    max(x).backward();
    CHECK(std::isnan(gradient_list(x)[5]));
  }
  CHECK(max(row({-infinity, -infinity})).item() == -infinity);
}

TEST_CASE("logsumexp: values against the definition") {
  const auto x = random_parameter({2, 3, 4}, 1, -3, 3);
  const std::vector<double> e = list(exp(x).evaluate());
  double total = 0;
  for (double v : e) total += v;
  // A few roundings.
  CHECK(logsumexp(x).item() == doctest::Approx(std::log(total)).epsilon(1e-14));
  CHECK(distance(list(logsumexp(x, {0, 2})), list(log(sum(exp(x), {0, 2})).evaluate())) < 1e-14);
  CHECK(logsumexp(x, 1, {.keepdims = true}).shape() == Shape{2, 1, 4});
}

TEST_CASE_TEMPLATE("logsumexp: finite up to 1e4, with the right gradient", T, float, double) {
  const auto x = row<T>({1e4, 1e4 - 1, -1e4});
  const double e = std::exp(-1.0);
  // Rounding of T at 1e4 in the value, at 1 in the gradient.
  const double epsilon = std::numeric_limits<T>::epsilon();
  CHECK(std::abs(logsumexp(x).item() - (1e4 + std::log1p(e))) <= 1e4 * epsilon);
  logsumexp(x).backward();
  CHECK(distance(gradient_list(x), {1 / (1 + e), e / (1 + e), 0}) < 4 * epsilon);
}

TEST_CASE("logsumexp: infinities") {
  const auto x = values({3, 2}, {-infinity, -infinity, 1, -infinity, infinity, 0});
  const Variable y = logsumexp(x, {1});
  CHECK(list(y) == std::vector<double>{-infinity, 1, infinity});
  const auto seed = row({1, 1, 0});
  y.backward(seed, true);
  const std::vector<double> g = gradient_list(x),
                            h = list(grad<double>({y}, {x}, {.create_graph = true}, {seed})[0]);
  for (std::size_t k : {0u, 1u, 2u, 3u}) {
    CHECK(g[k] == (k == 2 ? 1 : 0));
    CHECK(h[k] == g[k]);
  }
  CHECK(logsumexp(Variable<double>({0}, 0.0)).item() == -infinity);
  CHECK(std::isnan(logsumexp(row({std::nan(""), -infinity})).item()));
}

TEST_CASE("max, min, logsumexp: gradients of first and second order over all axes") {
  for (const Axes& axes : {Axes{}, Axes{0}, Axes{1}, Axes{2}, Axes{0, 2}, Axes{-1, 1}}) {
    for (bool keepdims : {false, true}) {
      const auto x = random_parameter({3, 2, 4}, 2);
      for (auto f : {&max<double>, &min<double>, &logsumexp<double>}) {
        const auto op = [&](const auto& in) { return f(in[0], axes, {keepdims}); };
        gradcheck(op, {x});
        gradgradcheck(op, {x});
      }
    }
  }
  gradcheck([](const auto& in) { return logsumexp(in[0]); }, {random_parameter({1, 1}, 3)});
}

TEST_CASE("max: takes expressions, and refuses empty arrays and wrong axes") {
  const auto x = random_parameter({2, 3}, 4);
  CHECK(max(x + x).item() == 2 * max(x).item());
  CHECK(min(x + x).item() == 2 * min(x).item());
  CHECK(logsumexp(x * 1.0).item() == logsumexp(x).item());
  const Variable<double> none({2, 0}, 0.0);
  CHECK(message_of<UsageError>([&] { max(none, {1}); }) ==
        "max: (2, 0) has no elements; check for that first");
  CHECK_THROWS_AS(min(none), UsageError);
  CHECK(max(none, {0}).shape() == Shape{0});
  CHECK(message_of<IndexError>([&] { logsumexp(x, {0, -2}); }) == "logsumexp: axis -2 is named twice");
  CHECK_THROWS_AS(max(x, {2}), IndexError);
  CHECK_THROWS_AS(max(Variable<double>()), UsageError);
}

TEST_CASE("argmax: the place along an axis, without that axis") {
  const auto x = values({2, 2, 3}, {1, 8, 3, 4, 5, 6, 7, 2, 9, 0, -1, -2});
  const auto check = [&](int axis, const Shape& shape, const std::vector<std::int64_t>& places) {
    const Indices best = argmax(x, axis);
    CHECK(best.shape() == shape);
    CHECK(std::vector(best.begin(), best.end()) == places);
  };
  check(0, {2, 3}, {1, 0, 1, 0, 0, 0});
  check(1, {2, 3}, {1, 0, 1, 0, 0, 0});
  check(2, {2, 2}, {1, 2, 2, 0});
  check(-1, {2, 2}, {1, 2, 2, 0});
  CHECK(argmax(row({1, 3, 2}), 0).shape() == Shape{});
  CHECK(argmax(row({1, 3, 2}) * -1.0, 0)[0] == 0);
  CHECK(argmax(slice(x, 2, 0, 1), 1)[1] == 0);
}

TEST_CASE_TEMPLATE("argmax: the first of those that tie, and the first NaN before all", T, float, double) {
  const double nan = std::nan("");
  const auto place = [](const std::vector<double>& x) { return argmax(row<T>(x), 0)[0]; };
  CHECK(place({1, 3, 3, 3}) == 1);
  CHECK(place({0, -0.0}) == 0);
  CHECK(place({-infinity, -infinity}) == 0);
  CHECK(place({1, infinity, nan, 5, nan}) == 2);
  CHECK(place({nan, infinity}) == 0);
}

TEST_CASE("argmax: nothing is recorded, and mistakes are named") {
  const auto x = random_parameter({2, 3}, 1);
  const Variable<double> y = x * 2.0;
  const auto before = tape_stats<double>().recorded;
  argmax(y, 0);  // along the first axis, of a copy
  CHECK(tape_stats<double>().recorded == before);
  CHECK(argmax(Variable<double>({0, 3}, 0.0), 1).shape() == Shape{0});
  CHECK(message_of<UsageError>([] {
          argmax(Variable<double>({3, 0}, 0.0), 1);
        }) == "argmax: (3, 0) has no elements along axis 1; check for that first");
  CHECK_THROWS_AS(argmax(x, 2), IndexError);
  CHECK_THROWS_AS(argmax(x, -3), IndexError);
  CHECK_THROWS_AS(argmax(Variable<double>(), 0), UsageError);
}
