/// \file tanh and sigmoid of floats, whose kernels are the library's own: every exponent, both signs, the
/// edges.

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double smallest = std::numeric_limits<float>::min();

// Floats of every exponent, in both signs.
Variable<float> samples() {
  std::vector<double> x;
  for (std::uint32_t bits = 0; bits < 0x7f800000u; bits += 20011) {
    x.push_back(std::bit_cast<float>(bits));
    x.push_back(-x.back());
  }
  return row<float>(x);
}

// In units in the last place of the float nearest to `want`.
double error(float got, double want) {
  const float nearest = std::abs(static_cast<float>(want));
  const double unit = std::nextafter(nearest, std::numeric_limits<float>::infinity()) - nearest;
  return std::abs(got - want) / unit;
}

template <class F, class G>
double worst_error(F f, G exact) {
  const Variable<float> x = samples(), y = f(x);
  double worst = 0;
  index_t wrong = 0;
  for (index_t i = 0; i < x.size(); ++i) {
    const double want = exact(static_cast<double>(x.data()[i]));
    const double got = y.data()[i];
    wrong += !(std::abs(got - want) <= std::max(smallest, 1e-6 * std::abs(want)));  // NaN is wrong
    if (std::abs(want) >= smallest) worst = std::max(worst, error(y.data()[i], want));
  }
  CHECK(wrong == 0);
  return worst;
}

}  // namespace

TEST_CASE(
    "tanh of floats is right to 1.8 units in the last place, sigmoid to 2, or 2.5 without FMA instructions") {
  const double of_tanh =
      worst_error([](auto x) { return Variable<float>(tanh(x)); }, [](double x) { return std::tanh(x); });
  CHECK(of_tanh < 1.8);
  CHECK(of_tanh > 0.1);
  const double of_sigmoid = worst_error([](auto x) { return Variable<float>(sigmoid(x)); },
                                        [](double x) { return 1 / (1 + std::exp(-x)); });
#ifdef UNROLL_FMA
  CHECK(of_sigmoid < 2);
#else
  CHECK(of_sigmoid < 2.5);
#endif
  CHECK(of_sigmoid > 0.1);
}

TEST_CASE("tanh is odd, to the bit") {
  const Variable<float> y = tanh(samples());
  index_t differing = 0;
  for (index_t i = 0; i < y.size(); i += 2) differing += y.data()[i] != -y.data()[i + 1];
  CHECK(differing == 0);
}

TEST_CASE("tanh and sigmoid of what is no ordinary number") {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  const Variable<float> x = row<float>({infinity, -infinity, std::nan(""), 0.0, -0.0, 1000, -1000});
  const Variable<float> t = tanh(x), s = sigmoid(x);
  CHECK(t.data()[0] == 1);
  CHECK(t.data()[1] == -1);
  CHECK(std::isnan(t.data()[2]));
  CHECK(t.data()[3] == 0);
  CHECK(std::signbit(t.data()[4]));
  CHECK(t.data()[5] == 1);
  CHECK(t.data()[6] == -1);
  CHECK(s.data()[0] == 1);
  CHECK(s.data()[1] == 0);
  CHECK(std::isnan(s.data()[2]));
  CHECK(s.data()[3] == 0.5f);
  CHECK(s.data()[4] == 0.5f);
  CHECK(s.data()[5] == 1);
  CHECK(s.data()[6] == 0);
}

TEST_CASE("sigmoid of floats at its lower end, where the exponential overflows: value and gradient") {
  std::vector<double> x;
  for (double at = -90; at < -86; at += 0x1p-10) x.push_back(at);
  const Variable<float> v = row<float>(x), y = sigmoid(v);
  sum(y).backward();
  index_t wrong = 0;
  for (index_t i = 0; i < y.size(); ++i) {
    const double want = 1 / (1 + std::exp(-static_cast<double>(v.data()[i])));
    wrong +=
        !(std::abs(y.data()[i] - want) <= smallest) || !(std::abs(v.grad().data()[i] - want) <= smallest);
  }
  CHECK(wrong == 0);
}
