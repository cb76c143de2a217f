#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/layers/sampling.hpp"

using unroll::draw_symbol;
using unroll::SamplingOptions;

namespace {

constexpr float infinite = std::numeric_limits<float>::infinity();

/// Log probabilities of 0.1, 0.4, 0.2, 0.3.
const std::vector<float> logits = {std::log(0.1f), std::log(0.4f), std::log(0.2f), std::log(0.3f)};

/// How often each symbol is drawn by 1,000 evenly spread random numbers.
std::map<std::int64_t, int> histogram(const std::vector<float>& of, const SamplingOptions& options) {
  std::map<std::int64_t, int> counts;
  for (int k = 0; k < 1000; ++k) ++counts[draw_symbol(of, options, (k + 0.5) / 1000)];
  return counts;
}

using Counts = std::map<std::int64_t, int>;

}  // namespace

TEST_CASE("sampling: symbols come as often as they are probable") {
  CHECK(histogram(logits, {}) == Counts{{0, 100}, {1, 400}, {2, 200}, {3, 300}});
}

TEST_CASE("sampling: a temperature of one half squares the odds") {
  // 1, 16, 4 and 9 parts of 30.
  CHECK(histogram(logits, {.temperature = 0.5}) == Counts{{0, 33}, {1, 534}, {2, 133}, {3, 300}});
}

TEST_CASE("sampling: at temperature 0 the most probable symbol is taken, the first of equal ones") {
  CHECK(histogram(logits, {.temperature = 0}) == Counts{{1, 1000}});
  CHECK(draw_symbol(std::vector<float>{1, 2, 2}, {.temperature = 0}, 0.9) == 1);
}

TEST_CASE("sampling: a temperature close to 0 or very high stays finite") {
  CHECK(histogram(logits, {.temperature = 1e-300}) == Counts{{1, 1000}});
  CHECK(histogram(logits, {.temperature = 1e300}) == Counts{{0, 250}, {1, 250}, {2, 250}, {3, 250}});
}

TEST_CASE("sampling: top-k keeps the k most probable") {
  CHECK(histogram(logits, {.top_k = 1}) == Counts{{1, 1000}});
  CHECK(histogram(logits, {.top_k = 2}) == Counts{{1, 571}, {3, 429}});
  CHECK(histogram(logits, {.top_k = 99}) == Counts{{0, 100}, {1, 400}, {2, 200}, {3, 300}});
}

TEST_CASE("sampling: top-p keeps the fewest that reach the probability, and always one") {
  CHECK(histogram(logits, {.top_p = 0.65}) == Counts{{1, 571}, {3, 429}});
  CHECK(histogram(logits, {.top_p = 0.75}) == Counts{{1, 444}, {2, 222}, {3, 334}});
  CHECK(histogram(logits, {.top_p = 1e-9}) == Counts{{1, 1000}});
}

TEST_CASE("sampling: top-p counts within what top-k has left") {
  CHECK(histogram(logits, {.top_k = 2, .top_p = 0.5}) == Counts{{1, 1000}});
}

TEST_CASE("sampling: a symbol of probability zero is never drawn") {
  const std::vector<float> half = {-infinite, 0, -infinite};
  CHECK(histogram(half, {}) == Counts{{1, 1000}});
  CHECK(draw_symbol(half, {}, std::nextafter(1.0, 0.0)) == 1);
}

TEST_CASE("sampling: doubles are drawn as floats are") {
  const std::vector<double> doubles(logits.begin(), logits.end());
  for (const double u : {0.05, 0.3, 0.6, 0.9})
    CHECK(draw_symbol(doubles, {.temperature = 0.7}, u) == draw_symbol(logits, {.temperature = 0.7}, u));
}

TEST_CASE("sampling: options and numbers out of range are named, before anything is drawn") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN(),
                   inf = std::numeric_limits<double>::infinity();
  const auto refused = [](const SamplingOptions& options, const char* message) {
    CHECK_THROWS_WITH_AS(draw_symbol(logits, options, 0.5), message, unroll::UsageError);
  };
  refused({.temperature = -1}, "sampling: temperature must be finite and at least 0; got -1");
  refused({.temperature = nan}, "sampling: temperature must be finite and at least 0; got nan");
  refused({.temperature = inf}, "sampling: temperature must be finite and at least 0; got inf");
  refused({.top_k = -1}, "sampling: top_k must be at least 0; got -1");
  refused({.top_p = -0.1}, "sampling: top_p must be in [0, 1]; got -0.1");
  refused({.top_p = 1.1}, "sampling: top_p must be in [0, 1]; got 1.1");
  refused({.top_p = nan}, "sampling: top_p must be in [0, 1]; got nan");
  for (const double u : {-0.1, 1.0, nan}) CHECK_THROWS_AS(draw_symbol(logits, {}, u), unroll::UsageError);
  // Also where the most probable symbol would be taken anyway.
  CHECK_THROWS_AS(draw_symbol(logits, {.temperature = 0, .top_k = -1}, 0.5), unroll::UsageError);
}

TEST_CASE("sampling: output that is not finite is refused") {
  CHECK_THROWS_AS(draw_symbol(std::vector<float>{0, NAN}, {}, 0.5), unroll::DataError);
  CHECK_THROWS_AS(draw_symbol(std::vector<float>{0, infinite}, {}, 0.5), unroll::DataError);
  CHECK_THROWS_AS(draw_symbol(std::vector<float>{-infinite, -infinite}, {}, 0.5), unroll::DataError);
  CHECK_THROWS_AS(draw_symbol(std::vector<float>{}, {}, 0.5), unroll::DataError);
}
