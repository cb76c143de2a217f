#include "unroll/autograd/variance.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double beyond = std::numeric_limits<double>::infinity();

// In long double, with the mean subtracted first.
double exact_variance(const std::vector<double>& x, double correction) {
  long double mean = 0, squares = 0;
  for (double v : x) mean += static_cast<long double>(v);
  mean /= static_cast<long double>(x.size());
  for (double v : x) squares += (static_cast<long double>(v) - mean) * (static_cast<long double>(v) - mean);
  return static_cast<double>(squares /
                             (static_cast<long double>(x.size()) - static_cast<long double>(correction)));
}

}  // namespace

TEST_CASE("var: by n - 1, by n and by another correction") {
  const auto x = values({2, 3}, {1, 2, 6, 4, 4, 4});
  CHECK(list(var(x, {1})) == std::vector<double>{7, 0});
  CHECK(distance(list(var(x, 1, {.correction = 0})), {14.0 / 3, 0}) < 1e-15);
  CHECK(list(var(x, 1, {.correction = 2})) == std::vector<double>{14, 0});
  CHECK(list(var(x, {0})) == std::vector<double>{4.5, 2, 2});
  CHECK(var(x, 1, {.keepdims = true}).shape() == Shape{2, 1});
  CHECK(var(x * 2.0).item() == doctest::Approx(4 * var(x).item()).epsilon(1e-15));
  CHECK(var(row({3}), 0, {.correction = 0}).item() == 0);
}

TEST_CASE_TEMPLATE("var: does not lose digits where the mean is far from 0", T, float, double) {
  for (double mean : {0.0, 1e3, -1e6, 1e7}) {
    for (index_t n : {2, 7, 16, 100, 1001}) {
      CAPTURE(mean);
      CAPTURE(n);
      const auto x = random_parameter<T>({n}, 5, mean - 8, mean + 8);  // spacing of float at 1e7: 1
      const double want = exact_variance(list(x), 1);
      // A few dozen roundings in a chain, each of half a unit.
      const double unit = static_cast<double>(std::numeric_limits<T>::epsilon());
      CHECK(var(x).item() == doctest::Approx(want).epsilon(8 * unit));
      var(x).backward();
      double average = 0;
      for (double v : list(x)) average += v / static_cast<double>(n);
      for (std::size_t k = 0; k < 2; ++k)
        CHECK(gradient_list(x)[k] ==
              doctest::Approx(2 * (list(x)[k] - average) / static_cast<double>(n - 1)).epsilon(1e-5));
      CHECK(distance(list(grad(var(x), x, {.create_graph = true})), gradient_list(x)) < 1e-5);
    }
  }
}

TEST_CASE("var: a long float vector does not lose its last elements") {
  auto x = Variable<float>::uninitialised({20'000'000});
  for (index_t i = 0; i < x.size(); ++i) x.mutable_data()[i] = i % 2 == 0 ? 100.0f : 101.0f;
  CHECK(var(x).item() == doctest::Approx(0.25).epsilon(1e-6));
}

TEST_CASE("var: equal elements have none, however large, and squares that overflow make it infinite") {
  CHECK(var(row<float>({3e38, 3e38, 3e38})).item() == 0);
  CHECK(var(row({1e308, 1e308})).item() == 0);
  CHECK(var(row<float>({3e38, -3e38})).item() == std::numeric_limits<float>::infinity());
  CHECK(var(row<float>({0, 1e30, 0})).item() == std::numeric_limits<float>::infinity());
  CHECK(var(row({1e308, -1e308, 1e308})).item() == beyond);
  for (double bad : {beyond, -beyond, std::nan("")}) {
    CHECK(std::isnan(var(row({bad, 1, 2})).item()));
    CHECK(std::isnan(var(row({1, bad, 2})).item()));
  }
}

TEST_CASE("var: rows whose gradient is 0 pass nothing on, not even NaN") {
  const auto x = values({2, 2}, {std::nan(""), beyond, 3, 5});
  for (bool create_graph : {false, true})
    CHECK(list(grad<double>({var(x, {1})}, {x}, {.create_graph = create_graph}, {row({0, 1})})[0]) ==
          std::vector<double>{0, 0, -2, 2});
}

TEST_CASE("var: needs more elements than its correction") {
  const Variable<double> x({2, 1}, 1.0), none({2, 0}, 1.0);
  CHECK(message_of<UsageError>([&] { var(x, {1}); }) ==
        "var: 1 elements over the axes of (2, 1) and correction 1 leave nothing to divide by; check for that "
        "first");
  CHECK_THROWS_AS(var(none), UsageError);
  CHECK_THROWS_AS(var(x, {1}, {.correction = std::nan("")}), UsageError);
  CHECK(var(none, {0}).shape() == Shape{0});
  CHECK_THROWS_AS(var(x, {2}), IndexError);
}
