#include "unroll/report/curve.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "unroll/autograd/error.hpp"

using namespace unroll;
using namespace unroll::report;

TEST_CASE("curve: few points are all kept, in order") {
  CurveThinner thinner(8);
  for (int k = 0; k < 8; ++k) thinner.add(10 * k, k * k % 5);
  const Curve curve = thinner.curve();
  CHECK(curve.steps == std::vector<std::int64_t>{0, 10, 20, 30, 40, 50, 60, 70});
  CHECK(curve.values == std::vector<double>{0, 1, 4, 4, 1, 0, 1, 4});
  CHECK(curve.means.empty());
}

TEST_CASE("curve: of a million points, every bucket keeps its least and its largest, and the ends stay") {
  constexpr std::int64_t n = 1'000'000, buckets = 512;
  CurveThinner thinner(buckets);
  const auto value = [](std::int64_t k) {
    return k == 123'456 ? 1e6 : k == 765'432 ? -1e6 : std::sin(1e-3 * static_cast<double>(k));
  };
  for (std::int64_t k = 0; k < n; ++k) thinner.add(k, value(k));
  const Curve curve = thinner.curve();
  CHECK(curve.count == n);
  CHECK(curve.values.size() <= 2 * buckets + 2);
  CHECK(curve.values.size() >= buckets);
  CHECK(std::ranges::is_sorted(curve.steps));
  CHECK(curve.steps.front() == 0);
  CHECK(curve.steps.back() == n - 1);
  for (std::size_t k = 0; k < curve.steps.size(); ++k) CHECK(curve.values[k] == value(curve.steps[k]));
  // The two peaks, at their steps.
  CHECK(std::ranges::count(curve.values, 1e6) == 1);
  CHECK(std::ranges::count(curve.values, -1e6) == 1);
  CHECK(curve.steps[static_cast<std::size_t>(std::ranges::find(curve.values, 1e6) - curve.values.begin())] ==
        123'456);
}

TEST_CASE("curve: the means are those of the buckets") {
  CurveThinner thinner(2);
  for (int k = 0; k < 8; ++k) thinner.add(k, k);
  const Curve curve = thinner.curve();
  CHECK(curve.means == std::vector<double>{1.5, 5.5});
  CHECK(curve.mean_steps == std::vector<std::int64_t>{2, 6});  // 1.5 and 5.5, rounded
}

TEST_CASE("curve: what is not finite is counted, stays as a gap, and spoils nothing") {
  CurveThinner thinner(2);
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {1.0, nan, 3.0, std::numeric_limits<double>::infinity(), 5.0, 7.0})
    thinner.add(static_cast<std::int64_t>(value == value ? std::min(value, 9.0) : 2), value);
  const Curve curve = thinner.curve();
  CHECK(curve.not_finite == 2);
  CHECK(curve.first_not_finite == 2);
  CHECK(std::ranges::count_if(curve.values, [](double v) { return std::isnan(v); }) >= 1);
  CHECK(std::ranges::none_of(curve.values, [](double v) { return std::isinf(v); }));
  CHECK(std::ranges::count(curve.values, 7.0) == 1);
}

TEST_CASE("curve: a thinner of one bucket is refused") {
  CHECK_THROWS_WITH_AS(CurveThinner(1), "curve thinner: need at least 2 buckets; got 1", UsageError);
}
