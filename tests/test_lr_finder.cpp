#include "unroll/train/lr_finder.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "unroll/autograd/error.hpp"

using namespace unroll;

namespace {

/// Losses that fall until the rate is 0.1, and then rise.
LrFinder searched(const LrFinderOptions& options) {
  LrFinder finder(options);
  while (finder.observe(std::abs(std::log10(finder.rate()) + 1) + 1)) {
  }
  return finder;
}

}  // namespace

TEST_CASE("lr finder: rates rise by equal factors from the lowest to the highest") {
  LrFinder finder({.lowest = 0.01, .highest = 1, .steps = 3});
  CHECK(finder.rate() == 0.01);
  CHECK(finder.observe(1));
  CHECK(finder.rate() == doctest::Approx(0.1));
  CHECK(finder.observe(1));
  CHECK_FALSE(finder.observe(1));
  CHECK(finder.points().back().rate == doctest::Approx(1));
}

TEST_CASE("lr finder: it suggests a tenth of the rate with the least loss") {
  const auto finder = searched({.lowest = 1e-4, .highest = 10, .steps = 51, .smoothing = 0});
  CHECK(finder.lowest().rate == doctest::Approx(0.1));
  REQUIRE(finder.suggestion());
  CHECK(*finder.suggestion() == doctest::Approx(0.01));
}

TEST_CASE("lr finder: without a fall, or with nothing but a fall, there is no suggestion") {
  LrFinder rising({.steps = 5}), falling({.steps = 5});
  for (int k = 0; k < 5; ++k) rising.observe(k), falling.observe(-k);
  CHECK_FALSE(rising.suggestion());
  CHECK_FALSE(falling.suggestion());
}

TEST_CASE("lr finder: it ends where losses have diverged or are not finite") {
  LrFinder finder({.smoothing = 0});
  CHECK(finder.observe(1));
  CHECK(finder.observe(3.9));
  CHECK_FALSE(finder.observe(4.1));
  CHECK_FALSE(finder.observe(std::nan("")));
  CHECK(finder.points().size() == 3);
}

TEST_CASE("lr finder: the points are a table, and bars") {
  const std::vector<LrPoint> points{{0.5, 1, 1}, {1, 3, 2}};
  CHECK(to_csv(points) == "learning_rate,loss,smoothed_loss\n0.5,1,1\n1,3,2\n");
  CHECK(to_bars(points, 2, 4) == "       0.5    1.0000  \n         1    2.0000  ####\n");
  CHECK(to_bars({}).empty());
}

TEST_CASE("lr finder: options out of range are refused, and so is a question before the first loss") {
  CHECK_THROWS_WITH_AS(LrFinder({.lowest = 1, .highest = 1}), doctest::Contains("need 0 < lowest < highest"),
                       UsageError);
  CHECK_THROWS_AS(LrFinder({.steps = 1}), UsageError);
  CHECK_THROWS_WITH_AS(LrFinder().lowest(), "learning rate finder: no loss was observed that is finite",
                       UsageError);
}
