#include "unroll/autograd/softmax.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Along the last axis, by the definition, in long double.
std::vector<double> reference(const std::vector<double>& x, std::size_t cols, bool logarithm) {
  std::vector<double> y;
  for (std::size_t begin = 0; begin < x.size(); begin += cols) {
    const double shift = *std::max_element(x.begin() + begin, x.begin() + begin + cols);
    long double total = 0;
    for (std::size_t j = 0; j < cols; ++j) total += std::exp(static_cast<long double>(x[begin + j] - shift));
    for (std::size_t j = 0; j < cols; ++j) {
      const long double log_p = x[begin + j] - shift - std::log(total);
      y.push_back(static_cast<double>(logarithm ? log_p : std::exp(log_p)));
    }
  }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("softmax: values equal the definition for rows of every length", T, float, double) {
  // Some roundings of numbers up to 10 in size.
  const double tolerance = 20 * std::numeric_limits<T>::epsilon();
  for (index_t cols : {1, 2, 7, 8, 16, 17, 33, 65, 5000}) {
    const auto x = random_parameter<T>({3, cols}, static_cast<std::uint64_t>(cols), -4, 4);
    CHECK(distance(list(softmax(x)), reference(list(x), static_cast<std::size_t>(cols), false)) < tolerance);
    CHECK(distance(list(log_softmax(x)), reference(list(x), static_cast<std::size_t>(cols), true)) <
          tolerance);
  }
}

TEST_CASE("softmax: any axis equals the last one of the transposed array") {
  const auto x = random_parameter({2, 3, 4}, 1);
  for (int axis : {0, 1, -3}) {
    const std::vector<double> y = list(softmax(x, axis));
    const auto total = list(sum(softmax(x, axis), {axis}));
    for (double t : total) CHECK(t == doctest::Approx(1).epsilon(1e-14));  // a few roundings
    CHECK(distance(list(exp(log_softmax(x, axis)).evaluate()), y) < 1e-14);
    const double ratio = axis == 1 ? y[0] / y[4] : y[0] / y[12];
    const double difference = axis == 1 ? list(x)[0] - list(x)[4] : list(x)[0] - list(x)[12];
    CHECK(std::log(ratio) == doctest::Approx(difference).epsilon(1e-12));  // division and logarithm
  }
}

TEST_CASE_TEMPLATE("softmax: entries up to 1e4 in size stay finite, in value and gradient", T, float,
                   double) {
  const auto x = row<T>({1e4, 1e4, -1e4, 9999});
  const double e = std::exp(-1.0), z = 2 + e;
  // Rounding of T only: the large numbers cancel exactly.
  const double tolerance = 4 * std::numeric_limits<T>::epsilon();
  CHECK(distance(list(softmax(x)), {1 / z, 1 / z, 0, e / z}) < tolerance);
  CHECK(distance(list(log_softmax(x)), {-std::log(z), -std::log(z), -2e4 - std::log(z), -1 - std::log(z)}) <
        tolerance);
  softmax(x).backward(row<T>({1, 0, 0, 0}));
  log_softmax(x).backward(row<T>({1, 0, 0, 0}));
  for (double d : gradient_list(x)) CHECK(std::isfinite(d));
}

TEST_CASE("softmax: −∞ gets probability 0; a row of −∞ alone gives 0 and −∞, with gradient 0") {
  const auto x = values({2, 3}, {0, -infinity, 0, -infinity, -infinity, -infinity});
  CHECK(list(softmax(x)) == std::vector<double>{0.5, 0, 0.5, 0, 0, 0});
  const double log_half = std::log(0.5);
  CHECK(list(log_softmax(x)) ==
        std::vector<double>{log_half, -infinity, log_half, -infinity, -infinity, -infinity});
  const auto seed = values({2, 3}, {1, 2, 4, 1, 2, 4});
  softmax(x).backward(seed);
  CHECK(gradient_list(x) == std::vector<double>{-0.75, 0, 0.75, 0, 0, 0});
  x.tensor()->grad_state = detail::GradState::none;
  log_softmax(x).backward(seed);
  // e^ln(1/2) may be one rounding off.
  CHECK(distance(gradient_list(x), {-2.5, 2, 0.5, 0, 0, 0}) < 1e-14);
  const Variable dx = grad<double>({log_softmax(x)}, {x}, {.create_graph = true}, {seed})[0];
  CHECK(distance(list(dx), {-2.5, 2, 0.5, 0, 0, 0}) < 1e-14);
}

TEST_CASE("softmax: NaN is not swallowed") {
  const double nan = std::nan("");
  const auto x = values({2, 2}, {nan, 1, nan, -infinity});
  for (const Variable<double>& y : {softmax(x), log_softmax(x)}) {
    for (double v : list(y)) CHECK(std::isnan(v));
    for (double v : list(grad<double>({y}, {x}, {}, {Variable<double>({2, 2}, 1.0)})[0]))
      CHECK(std::isnan(v));
  }
}

TEST_CASE("softmax: gradients of first and second order, of matrices, slices and single elements") {
  for (const Shape& shape : {Shape{3, 5}, Shape{2, 2, 9}, Shape{4, 1}, Shape{1}, Shape{0, 3}, Shape{2, 0}}) {
    const auto x = random_parameter(shape, 2);
    for (int axis = 0; axis < shape.rank(); ++axis) {
      const auto soft = [&](const auto& in) { return softmax(in[0], axis); };
      const auto log_soft = [&](const auto& in) { return log_softmax(in[0], axis); };
      gradcheck(soft, {x});
      gradcheck(log_soft, {x});
      gradgradcheck(soft, {x});
      gradgradcheck(log_soft, {x});
    }
  }
  const auto x = random_parameter({3, 8}, 3);
  gradcheck(
      [](const auto& in) {
        return sum(softmax(slice(in[0], 1, 2, 7)), {0}) + sum(log_softmax(slice(in[0], 1, 1, 6)), {0});
      },
      {x});
}

TEST_CASE("softmax: takes expressions, and refuses scalars, wrong axes and empty Variables") {
  const auto x = random_parameter({2, 3}, 4);
  CHECK(list(softmax(x + x)) == list(softmax(Variable<double>(x + x))));
  CHECK(list(log_softmax(x + x)) == list(log_softmax(Variable<double>(x + x))));
  CHECK(message_of<IndexError>([&] { softmax(x, 2); }) == "softmax: axis 2 is outside an array of rank 2");
  CHECK(message_of<IndexError>([&] { log_softmax(Variable<double>(1.0)); }) ==
        "log_softmax: axis -1 is outside an array of rank 0");
  CHECK_THROWS_AS(softmax(Variable<double>()), UsageError);
}
