#include "unroll/layers/init.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "arrays.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

struct Moments {
  double mean = 0, deviation = 0, smallest = 1e300, largest = -1e300;
  explicit Moments(const Variable<double>& v) {
    for (const double x : list(v)) {
      mean += x, deviation += x * x;
      smallest = std::min(smallest, x), largest = std::max(largest, x);
    }
    const double n = static_cast<double>(v.size());
    mean /= n;
    deviation = std::sqrt(deviation / n - mean * mean);
  }
};

// 60,000 numbers: five standard errors of a mean are 5 / √60000 = 0.02 deviations, of a deviation 0.015.
const Shape big = {200, 300};

void check_uniform(const Variable<double>& v, double bound) {
  const Moments m(v);
  CHECK(std::abs(m.mean) < 0.02 * bound);
  CHECK(m.deviation == doctest::Approx(bound / std::sqrt(3.0)).epsilon(0.015));
  CHECK(m.largest < bound);
  CHECK(m.largest > 0.999 * bound);  // missed with probability e⁻³⁰
  CHECK(m.smallest >= -bound);
  CHECK(m.smallest < -0.999 * bound);
}

void check_normal(const Variable<double>& v, double mean, double deviation) {
  const Moments m(v);
  CHECK(std::abs(m.mean - mean) < 0.02 * deviation);
  CHECK(m.deviation == doctest::Approx(deviation).epsilon(0.015));
  CHECK(m.largest > mean + 3.5 * deviation);  // 14 are expected beyond, none with probability e⁻¹⁴
}

Variable<double> empty(const Shape& shape) { return Variable<double>(shape, 7.0); }

// Largest difference between the rows' (or columns') products and gain² δ.
double unorthogonality(const double* q, index_t rows, index_t cols, double gain) {
  double worst = 0;
  const bool by_rows = rows <= cols;
  const index_t few = std::min(rows, cols), many = std::max(rows, cols);
  for (index_t a = 0; a < few; ++a) {
    for (index_t b = 0; b <= a; ++b) {
      double dot = a == b ? -gain * gain : 0;
      for (index_t k = 0; k < many; ++k)
        dot += by_rows ? q[a * cols + k] * q[b * cols + k] : q[k * cols + a] * q[k * cols + b];
      worst = std::max(worst, std::abs(dot));
    }
  }
  return worst;
}

}  // namespace

TEST_CASE("init: the distributions have the moments and bounds of their formulas") {
  Generator rng(11);
  auto p = empty(big);
  check_uniform(init::uniform(p, -0.25, 0.25, rng), 0.25);
  check_uniform(init::fan_uniform(p, 300, rng), 1 / std::sqrt(300.0));
  check_uniform(init::xavier_uniform(p, 2, rng), 2 * std::sqrt(6.0 / 500));
  check_uniform(init::kaiming_uniform(p, {}, rng), std::sqrt(6.0 / 300));
  check_uniform(init::kaiming_uniform(p, {.slope = 0.5, .fan = init::Fan::out}, rng),
                std::sqrt(6.0 / (1.25 * 200)));
  check_normal(init::normal(p, 3, 0.5, rng), 3, 0.5);
  check_normal(init::xavier_normal(p, 1, rng), 0, std::sqrt(2.0 / 500));
  check_normal(init::kaiming_normal(p, {}, rng), 0, std::sqrt(2.0 / 300));
}

TEST_CASE("init: fans count the extents beyond the second") {
  Generator rng(12);
  auto p = empty({200, 30, 10});
  check_uniform(init::xavier_uniform(p, 1, rng), std::sqrt(6.0 / (300 + 2000)));
}

TEST_CASE("init: uniform numbers stay below the upper bound where few floats lie between the bounds") {
  Generator rng(15);
  Variable<float> p({1000}, 0.0f);
  const auto extremes = [&](double low, double high) {
    init::uniform(p, low, high, rng);
    const auto values = list(p);
    return std::pair(*std::min_element(values.begin(), values.end()),
                     *std::max_element(values.begin(), values.end()));
  };
  // Floats are 2 apart from 2²⁴ on.
  CHECK(extremes(0x1p24, 0x1p24 + 4) == std::pair(0x1p24, 0x1p24 + 2));
  CHECK(extremes(0x1p24 + 1, 0x1p24 + 5) == std::pair(0x1p24 + 2, 0x1p24 + 4));
  CHECK(extremes(0x1p24, 0x1p24 + 1) == std::pair(0x1p24, 0x1p24));
  CHECK(extremes(0.5, 0.5) == std::pair(0.5, 0.5));
  auto q = empty({1000});
  const double above = std::nextafter(1.0, 2.0);
  init::uniform(q, 1, above, rng);
  CHECK(list(q) == std::vector<double>(1000, 1.0));
}

TEST_CASE("init: equal generators give equal numbers, in float and double alike") {
  Generator a(13), b(13);
  Variable<float> p({5}, 0.0f);
  auto q = empty({5});
  init::normal(p, 0, 1, a), init::normal(q, 0, 1, b);
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(list(p)[i] == static_cast<double>(static_cast<float>(list(q)[i])));
}

TEST_CASE("init: orthogonal blocks have orthonormal rows or columns times the gain") {
  Generator rng(14);
  for (const Shape& shape : {Shape{8, 8}, Shape{3, 7}, Shape{7, 3}, Shape{1, 1}, Shape{200, 200}}) {
    auto p = empty(shape);
    init::orthogonal(p, {.gain = 2}, rng);
    // Roundings of 1e-16 on sums of up to 200 products, of 4 together.
    CHECK(unorthogonality(p.data(), shape[0], shape[1], 2) < 2e-14);
  }
  auto gates = empty({12, 3});
  init::orthogonal(gates, {.blocks = 4}, rng);
  for (int k = 0; k < 4; ++k) CHECK(unorthogonality(gates.data() + 9 * k, 3, 3, 1) < 1e-14);  // as above
  CHECK(gates.data()[0] != gates.data()[9]);
}

TEST_CASE("init: orthogonal matrices are uniform: entries are as often negative, determinants too") {
  Generator rng(15);
  int negative = 0, reflections = 0;
  auto p = empty({2, 2});
  for (int k = 0; k < 1000; ++k) {
    const auto q = list(init::orthogonal(p, {}, rng));
    negative += q[0] < 0;
    reflections += q[0] * q[3] - q[1] * q[2] < 0;
  }
  CHECK(std::abs(negative - 500) < 80);  // five deviations of √(1000 / 4)
  CHECK(std::abs(reflections - 500) < 80);
}

TEST_CASE("init: identity, constant and the forget gate's bias") {
  auto p = empty({4, 3});
  CHECK(list(init::identity(p, {.gain = 0.5, .blocks = 2})) ==
        std::vector{0.5, 0.0, 0.0, 0.0, 0.5, 0.0, 0.5, 0.0, 0.0, 0.0, 0.5, 0.0});
  auto b = empty({8});
  init::forget_bias(init::constant(b, 0));
  CHECK(list(b) == std::vector{0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0});
}

TEST_CASE("init: a parameter stays a parameter, and its version changes") {
  auto p = row({1, 2});
  const auto before = p.version();
  CHECK(&init::constant(p, 3) == &p);
  CHECK(p.requires_grad());
  CHECK(p.version() > before);
}

TEST_CASE("init: shapes and numbers that do not fit are refused") {
  auto vector = empty({4}), matrix = empty({6, 3}), none = empty({0, 3});
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(init::xavier_uniform(vector),
                       "xavier_uniform: need a weight (O, I, …) with at least one element; got (4,)",
                       ShapeError);
  CHECK_THROWS_AS(init::kaiming_normal(none), ShapeError);
  CHECK_THROWS_WITH_AS(init::orthogonal(matrix, {.blocks = 4}),
                       "orthogonal: need a matrix of 4 equal blocks of rows; got (6, 3)", ShapeError);
  CHECK_THROWS_AS(init::identity(vector), ShapeError);
  CHECK_THROWS_AS(init::identity(matrix, {.blocks = 0}), UsageError);
  CHECK_THROWS_AS(init::forget_bias(matrix), ShapeError);
  CHECK_THROWS_AS(init::uniform(vector, 1, -1), UsageError);
  CHECK_THROWS_AS(init::uniform(vector, 0, infinity), UsageError);
  CHECK_THROWS_AS(init::normal(vector, 0, -1), UsageError);
  CHECK_THROWS_AS(init::normal(vector, nan, 1), UsageError);
  CHECK_THROWS_AS(init::fan_uniform(vector, 0), UsageError);
  CHECK_THROWS_AS(init::kaiming_uniform(matrix, {.slope = nan}), UsageError);
  Variable<double> nothing;
  CHECK_THROWS_AS(init::constant(nothing, 1), UsageError);
  CHECK(list(vector) == std::vector(4, 7.0));
}
