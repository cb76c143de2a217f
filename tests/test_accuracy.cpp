/// \file Scalar ops against long double: arguments of every exponent and sign, and random ones, over the whole range in
/// which the result is a finite number, denormal ones included. docs/ops.md promises the bounds.

#include <doctest/doctest.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <string>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/no_grad.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// UNROLL_ACCURACY=10000000 for as many random arguments of each op.
index_t random_arguments() {
  const char* const wanted = std::getenv("UNROLL_ACCURACY");
  return wanted ? std::atoll(wanted) : 200'000;
}

template <class T>
using BitsOf = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

// A number of any bits; NaN becomes 1.
template <class T>
T any_number(Random& random) {
  const T x = std::bit_cast<T>(static_cast<BitsOf<T>>(random.bits()));
  return std::isnan(x) ? T{1} : x;
}

/// Where results are neither 0 nor infinite throughout.
struct Domain {
  double low, high;
};

// A third of them of all sizes, a third where the op is busy, a third over its domain; 61 of each exponent as well.
template <class T>
std::vector<T> arguments(Domain domain, std::uint64_t seed) {
  Random random(seed);
  std::vector<T> x;
  const auto add = [&](T v) {
    if (v >= static_cast<T>(domain.low) && v <= static_cast<T>(domain.high)) x.push_back(v);
  };
  constexpr int mantissa = sizeof(T) == 4 ? 23 : 52, exponents = sizeof(T) == 4 ? 255 : 2047;
  for (int e = 0; e < exponents; ++e) {
    for (int i = 0; i < 61; ++i) {
      const auto below = static_cast<BitsOf<T>>(random.bits()) & ((BitsOf<T>{1} << mantissa) - 1);
      const T v = std::bit_cast<T>(static_cast<BitsOf<T>>((static_cast<BitsOf<T>>(e) << mantissa) | below));
      add(v), add(-v);
    }
  }
  const double low = std::max(domain.low, -800.0), high = std::min(domain.high, 800.0);
  for (index_t i = 0; i < random_arguments(); i += 3) {
    add(any_number<T>(random));
    add(static_cast<T>(random.uniform(std::max(low, -20.0), std::min(high, 20.0))));
    add(static_cast<T>(random.uniform(low, high)));
  }
  return x;
}

// In units in the last place of the result, which are those of the smallest numbers where it is denormal.
template <class T>
double error(T got, long double want) {
  const T nearest = static_cast<T>(want);
  if (std::isnan(nearest) || std::isnan(got)) return std::isnan(nearest) == std::isnan(got) ? 0 : 1e30;
  if (std::isinf(nearest) || std::isinf(got)) return got == nearest ? 0 : 1e30;
  const T size = std::abs(nearest);
  const long double unit =
      size == std::numeric_limits<T>::max()
          ? static_cast<long double>(size) - std::nextafter(size, T{0})
          : static_cast<long double>(std::nextafter(size, std::numeric_limits<T>::infinity())) - size;
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / unit);
}

template <class T, class F, class G>
void check(const std::string& op, double bound, Domain domain, F f, G exact) {
  const NoGrad off;
  const std::vector<T> x = arguments<T>(domain, 11);
  REQUIRE(x.size() > 100'000);
  const Variable<T> y = f(Variable<T>::from({static_cast<index_t>(x.size())}, x));
  double worst = 0;
  T at{0};
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double e = error(y.data()[i], exact(static_cast<long double>(x[i])));
    if (e > worst) worst = e, at = x[i];
  }
  CAPTURE(op);
  CAPTURE(sizeof(T));
  CAPTURE(at);
  CHECK(worst <= bound);
  CHECK(worst >= 0.49);  // a comparison that saw nothing would find less
  if (std::getenv("UNROLL_ACCURACY"))
    MESSAGE(op << " " << 8 * sizeof(T) << " bits: " << worst << " at " << at);
}

template <class F, class G>
void check_both(const std::string& op, double bound, Domain domain, F f, G exact) {
  check<float>(op, bound, domain, f, exact);
  check<double>(op, bound, domain, f, exact);
}

constexpr double inf = std::numeric_limits<double>::infinity();
#ifdef UNROLL_FMA
constexpr double sigmoid_bound = 2;
#else
constexpr double sigmoid_bound = 2.5;
#endif

}  // namespace

#define UNROLL_CHECK(op, bound, low, high, exact)                                              \
  check_both(                                                                                  \
      #op, bound, {low, high}, [](const auto& x) { return std::decay_t<decltype(x)>(op(x)); }, \
      [](long double x) { return exact; })

TEST_CASE("accuracy: exp, log, tanh, sigmoid, sqrt, sin, cos are right to 2 units in the last place") {
  UNROLL_CHECK(exp, 2, -inf, inf, std::exp(x));
  UNROLL_CHECK(log, 2, 0, inf, std::log(x));
  UNROLL_CHECK(tanh, 2, -inf, inf, std::tanh(x));
  UNROLL_CHECK(sigmoid, sigmoid_bound, -inf, inf, 1 / (1 + std::exp(-x)));
  UNROLL_CHECK(sqrt, 1, 0, inf, std::sqrt(x));
  UNROLL_CHECK(sin, 2, -1e300, 1e300, std::sin(x));
  UNROLL_CHECK(cos, 2, -1e300, 1e300, std::cos(x));
  UNROLL_CHECK(square, 1, -inf, inf, x * x);
  UNROLL_CHECK(softplus, 3, -inf, inf, (x > 0 ? x : 0) + std::log1p(std::exp(-std::abs(x))));
}

TEST_CASE(
    "accuracy: gates and what they are made of are right to 6 units in the last place, their small values "
    "too") {
  constexpr long double half_root = 0.70710678118654752440084436210484903928L,
                        slope = 1.59576912160573071175978L;
  UNROLL_CHECK(silu, 4, -inf, inf, x / (1 + std::exp(-x)));
  UNROLL_CHECK(gelu, 6, -inf, inf, x * (std::erfc(-x * half_root) / 2));
  UNROLL_CHECK(gelu_tanh, 4, -inf, inf, x / (1 + std::exp(-slope * x * (1 + 0.044715L * x * x))));
  UNROLL_CHECK(mish, 5, -inf, inf, x * std::tanh(std::log1p(std::exp(x))));
  UNROLL_CHECK(log_sigmoid, 3, -inf, inf, (x < 0 ? x : 0) - std::log1p(std::exp(-std::abs(x))));
  UNROLL_CHECK(erf, 2, -inf, inf, std::erf(x));
  UNROLL_CHECK(erfc, 6, -inf, inf, std::erfc(x));
}

TEST_CASE("accuracy: log1p, expm1, tan and roots of 1 − a² are right to 3 units in the last place") {
  UNROLL_CHECK(log1p, 1, -1, inf, std::log1p(x));
  UNROLL_CHECK(expm1, 2, -inf, inf, std::expm1(x));
  UNROLL_CHECK(tan, 3, -1e300, 1e300, std::tan(x));
  UNROLL_CHECK(root_one_minus_square, 2, -1, 1, std::sqrt((1 - x) * (1 + x)));
  UNROLL_CHECK(root_one_minus_exp, 2, -inf, 0, std::sqrt(-std::expm1(2 * x)));
}

TEST_CASE_TEMPLATE("accuracy: atan2 is right to 3 units in the last place", T, float, double) {
  const NoGrad off;
  std::vector<T> a = arguments<T>({-inf, inf}, 12), b = a;
  std::rotate(b.begin(), b.begin() + 4711, b.end());
  for (std::size_t i = 0; i < a.size(); i += 2)
    b[i] = a[i] * static_cast<T>(1 + static_cast<double>(i % 100) / 10);
  const auto size = static_cast<index_t>(a.size());
  const Variable<T> y = atan2(Variable<T>::from({size}, a), Variable<T>::from({size}, b));
  double worst = 0;
  for (std::size_t i = 0; i < a.size(); ++i)
    worst = std::max(worst, error(y.data()[i], std::atan2(static_cast<long double>(a[i]),
                                                          static_cast<long double>(b[i]))));
  CHECK(worst <= 3);
  CHECK(worst >= 0.49);  // as in check()
}

TEST_CASE_TEMPLATE("accuracy: sign, floor and round are exact, halves going to the even number", T, float,
                   double) {
  const NoGrad off;
  std::vector<T> x = arguments<T>({-inf, inf}, 13);
  for (double half : {0.5, 1.5, 2.5, -0.5, -1.5, -2.5}) x.push_back(static_cast<T>(half));
  const Variable<T> v = Variable<T>::from({static_cast<index_t>(x.size())}, x);
  const Variable<T> s = sign(v), f = floor(v), r = round(v);
  index_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i)
    wrong += (s.data()[i] != static_cast<T>((x[i] > 0) - (x[i] < 0))) + (f.data()[i] != std::floor(x[i])) +
             (r.data()[i] != std::nearbyint(x[i]));
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("accuracy: quotients and roots are rounded right, like those of single numbers", T, float,
                   double) {
  const NoGrad off;
  const std::vector<T> x = arguments<T>({0, inf}, 11);
  const std::vector<T> y(x.rbegin(), x.rend());
  const auto size = static_cast<index_t>(x.size());
  const Variable<T> a = Variable<T>::from({size}, x), b = Variable<T>::from({size}, y);
  const Variable<T> quotient = a / b, root = sqrt(a);
  index_t wrong = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const T q = x[i] / y[i], r = quotient.data()[i];
    wrong += (q != r && !(std::isnan(q) && std::isnan(r))) + (root.data()[i] != std::sqrt(x[i]));
  }
  CHECK(wrong == 0);
}

TEST_CASE("accuracy: pow is right to 4 units in the last place, whatever the exponent") {
  for (double b : {0.5, -0.5, 1.5, 2.0, 3.0, -1.0, -2.0, 7.0, 0.125, 100.0}) {
    CAPTURE(b);
    check_both(
        "pow", 4, {0, inf}, [b](const auto& x) { return std::decay_t<decltype(x)>(pow(x, b)); },
        [b](long double x) { return std::pow(x, static_cast<long double>(b)); });
  }
}

TEST_CASE("accuracy: elu is right to 4 units in the last place") {
  check_both(
      "elu", 4, {-inf, inf}, [](const auto& x) { return std::decay_t<decltype(x)>(elu(x, 1.5)); },
      [](long double x) { return x > 0 ? x : 1.5L * std::expm1(x); });
}

TEST_CASE_TEMPLATE("accuracy: gates and their like at 0, at the ends, and of NaN", T, float, double) {
  const auto at = [](auto f, double x) {
    return static_cast<double>(Variable<T>(f(Variable<T>({1}, static_cast<T>(x)))).item());
  };
  const double tiny = std::numeric_limits<T>::denorm_min(), huge = std::numeric_limits<T>::max();
#define UNROLL_ENDS(f, low, below, middle, above, high)   \
  {                                                       \
    CAPTURE(#f);                                          \
    const auto op = [](const auto& x) { return f(x); };   \
    CHECK(at(op, -inf) == (low));                         \
    CHECK(at(op, -huge) == (below));                      \
    CHECK(at(op, 0.0) == (middle));                       \
    CHECK(std::signbit(at(op, -0.0)) == ((middle) == 0)); \
    CHECK(at(op, huge) == (above));                       \
    CHECK(at(op, inf) == (high));                         \
    CHECK(std::isnan(at(op, std::nan(""))));              \
  }
  UNROLL_ENDS(silu, 0, 0, 0, huge, inf)
  UNROLL_ENDS(gelu, 0, 0, 0, huge, inf)
  UNROLL_ENDS(gelu_tanh, 0, 0, 0, huge, inf)
  UNROLL_ENDS(mish, 0, 0, 0, huge, inf)
  UNROLL_ENDS(expm1, -1, -1, 0, inf, inf)
  UNROLL_ENDS(erf, -1, -1, 0, 1, 1)
  UNROLL_ENDS(erfc, 2, 2, 1, 0, 0)
  UNROLL_ENDS(sign, -1, -1, 0, 1, 1)
  UNROLL_ENDS(floor, -inf, -huge, 0, huge, inf)
  UNROLL_ENDS(round, -inf, -huge, 0, huge, inf)
#undef UNROLL_ENDS
  CHECK(at([](const auto& x) { return log1p(x); }, -1) == -inf);
  CHECK(std::signbit(at([](const auto& x) { return log1p(x); }, -0.0)));
  CHECK(std::isnan(at([](const auto& x) { return log1p(x); }, -2)));
  CHECK(std::isnan(at([](const auto& x) { return tan(x); }, inf)));
  for (const auto f : {+[](const Variable<T>& x) { return Variable<T>(expm1(x)); },
                       +[](const Variable<T>& x) { return Variable<T>(log1p(x)); },
                       +[](const Variable<T>& x) { return Variable<T>(tan(x)); }})
    for (double x : {tiny, -tiny, 3 * tiny}) CHECK(at(f, x) == x);
}

TEST_CASE_TEMPLATE("accuracy: atan2 on the axes, in the corners and of NaN", T, float, double) {
  const std::vector<double> ends = {0.0, -0.0, 1, -1, inf, -inf, std::nan("")};
  for (double a : ends) {
    for (double b : ends) {
      CAPTURE(a);
      CAPTURE(b);
      const auto got = static_cast<double>(
          Variable<T>(atan2(Variable<T>({1}, static_cast<T>(a)), Variable<T>({1}, static_cast<T>(b))))
              .item());
      const double want = std::atan2(a, b);
      CHECK(std::isnan(got) == std::isnan(want));
      if (std::isnan(want)) continue;
      CHECK(got == doctest::Approx(want).epsilon(1e-6));
      CHECK(std::signbit(got) == std::signbit(want));
    }
  }
}

TEST_CASE("accuracy: the ends of exp") {
  const auto at = [](auto type, double x) {
    using T = decltype(type);
    return Variable<T>(exp(Variable<T>({1}, static_cast<T>(x)))).item();
  };
  CHECK(at(float{}, 88.5) == doctest::Approx(2.7231e38).epsilon(1e-4));
  CHECK(std::isinf(at(float{}, 88.73)));
  CHECK(at(float{}, -87.5) == doctest::Approx(std::exp(-87.5)).epsilon(1e-6));
  CHECK(at(float{}, -103.9F) == std::numeric_limits<float>::denorm_min());
  CHECK(at(float{}, -104) == 0);
  CHECK(at(double{}, 709.7) == doctest::Approx(1.654984e308).epsilon(1e-6));
  CHECK(std::isinf(at(double{}, 709.8)));
  CHECK(at(double{}, -745) == std::numeric_limits<double>::denorm_min());
  CHECK(at(double{}, -746) == 0);
  CHECK(at(float{}, inf) == inf);
  CHECK(at(double{}, -inf) == 0);
  CHECK(std::isnan(at(float{}, std::nan(""))));
}
