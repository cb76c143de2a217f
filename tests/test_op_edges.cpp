#include <doctest/doctest.h>

#include <functional>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
constexpr double inf = std::numeric_limits<double>::infinity();
const double quiet_nan = std::nan("");

/// The values of f and its gradients in x, at each of `at`.
template <class T>
struct Result {
  std::vector<double> y, dx;
};
template <class T>
Result<T> differentiated(const Variable<T>& x, const Variable<T>& y) {
  sum(y).backward();
  return {list(y), gradient_list(x)};
}
template <class T, class F>
Result<T> at(F f, const std::vector<double>& at) {
  const Variable<T> x = row<T>(at);
  return differentiated<T>(x, f(x));
}

// Equal, NaN to NaN.
bool same(const std::vector<double>& a, const std::vector<double>& b) { return distance(a, b) == 0; }

template <class F>
void for_both(F f) {
  f(float{});
  f(double{});
}

using Exact = std::function<long double(long double)>;

template <class T>
Variable<T> sweep(double low, double high) {
  constexpr index_t n = 20011;
  auto x = Variable<T>::uninitialised(Shape{n});
  for (index_t i = 0; i < n; ++i)
    x.mutable_data()[i] =
        static_cast<T>(low + (high - low) * static_cast<double>(i) / static_cast<double>(n - 1));
  return x;
}

template <class T>
double largest_error(const Variable<T>& x, const Variable<T>& y, const Exact& exact) {
  double worst = 0;
  for (index_t i = 0; i < x.size(); ++i) {
    const long double want = exact(static_cast<long double>(x.data()[i]));
    const T above = std::nextafter(std::abs(static_cast<T>(want)), std::numeric_limits<T>::infinity());
    const auto unit =
        static_cast<long double>(above) - std::abs(static_cast<long double>(static_cast<T>(want)));
    const auto error = static_cast<double>(std::abs(static_cast<long double>(y.data()[i]) - want) / unit);
    worst = std::isnan(error) ? inf : std::max(worst, error);
  }
  return worst;
}

/// The largest error of f against `exact` over a sweep, in units in the last place.
template <class T, class F>
double units(F f, const Exact& exact, double low, double high) {
  const Variable<T> x = sweep<T>(low, high);
  return largest_error<T>(x, f(x), exact);
}

}  // namespace

TEST_CASE("edges: slopes at kinks") {
  for_both([](auto type) {
    using T = decltype(type);
    CHECK(at<T>([](auto& x) { return relu(x); }, {-1, 0, 1}).dx == std::vector<double>{0, 0, 1});
    CHECK(at<T>([](auto& x) { return abs(x); }, {-1, 0, 1}).dx == std::vector<double>{-1, 0, 1});
    CHECK(at<T>([](auto& x) { return sqrt(x); }, {0, 4}).dx == std::vector<double>{inf, 0.25});
    CHECK(at<T>([](auto& x) { return clamp(x, -1.0, 1.0); }, {-2, -1, 0, 1, 2}).dx ==
          std::vector<double>{0, 1, 1, 1, 0});
    CHECK(at<T>([](auto& x) { return leaky_relu(x, 0.25); }, {-1, 0, 1}).dx ==
          std::vector<double>{0.25, 0.25, 1});
  });
}

TEST_CASE("edges: ties of minimum and maximum share the gradient by halves") {
  const auto a = row({1, 2, 3}), b = row({2, 2, 2});
  V(sum(minimum(a, b))).backward();
  CHECK(gradient_list(a) == std::vector<double>{1, 0.5, 0});
  CHECK(gradient_list(b) == std::vector<double>{0, 0.5, 1});
  const auto c = row({1, 2, 3});
  sum(maximum(c, 2.0)).backward();
  CHECK(gradient_list(c) == std::vector<double>{0, 0.5, 1});
}

TEST_CASE("edges: where leaks nothing from the branch not taken, in value or gradient") {
  for_both([](auto type) {
    using T = decltype(type);
    const auto check = [](auto f, const std::vector<double>& at_, const std::vector<double>& y,
                          const std::vector<double>& dx) {
      const auto r = at<T>(f, at_);
      CHECK(r.y == y);
      CHECK(r.dx == dx);
    };
    check([](auto& x) { return where(x > 0, sqrt(x), 0); }, {0, 4}, {0, 2}, {0, 0.25});
    check([](auto& x) { return where(x > 0, log(x), 0); }, {0, -1, 2},
          {0, 0, static_cast<double>(std::log(T{2}))}, {0, 0, 0.5});
    check([](auto& x) { return where(x > 0, 1 / x, x); }, {0, 2}, {0, 0.5}, {1, -0.25});
    check([](auto& x) { return where(x < 10, x, exp(x)); }, {1, 100000}, {1, inf}, {1, inf});
    check([](auto& x) { return where(x > 10, x, exp(x) * 0); }, {100000, 0}, {100000, 0}, {1, 0});
    check([](auto& x) { return where(x > 0, x * (inf * x), 1); }, {-1, 0}, {1, 1}, {0, 0});
    check([](auto& x) { return where(x > 0, pow(x, -0.5), x); }, {0, 4}, {0, 0.5}, {1, -0.0625});
    check([](auto& x) { return where(equal(x, x), x * 2, 0); }, {quiet_nan, 4}, {0, 8}, {0, 2});
    check([](auto& x) { return where(equal(x, x), tanh(x) + square(x) * exp(x), 7); }, {quiet_nan, 0}, {7, 0},
          {0, 1});
  });
}

TEST_CASE("edges: where leaks nothing when its branches are ops of their own, nor through a / b") {
  const auto a = row({1, 2, 0}), b = row({0, 4, 0});
  const V quotient = a / b;
  V(sum(where(equal(b, 0), 0, quotient))).backward();
  CHECK(gradient_list(a) == std::vector<double>{0, 0.25, 0});
  CHECK(gradient_list(b) == std::vector<double>{0, -0.125, 0});
  const auto x = row({1000, 1}), y = row({1000, 1});
  const V big = exp(x);
  sum(where(x > 10, x, big)).backward();
  const double e = list(big)[1];  // to the last bit as the op has it
  CHECK(gradient_list(x) == std::vector<double>{1, e});
  const V g = grad(sum(where(y > 10, y, exp(y))), y, {.create_graph = true});
  CHECK(same(list(g), {1, e}));
  CHECK(same(list(grad(sum(g), y)), {0, e}));
}

TEST_CASE("edges: minimum, maximum and clamp leak nothing from what they cut off") {
  CHECK(at<double>([](auto& x) { return minimum(exp(x), 10.0); }, {1000, 0}).dx == std::vector<double>{0, 1});
  CHECK(at<double>([](auto& x) { return clamp(exp(x), 0.0, 5.0); }, {1000, 0}).dx ==
        std::vector<double>{0, 1});
  CHECK(at<double>([](auto& x) { return maximum(log(x), -3.0); }, {0, 1}).dx == std::vector<double>{0, 1});
  CHECK(at<double>([](auto& x) { return relu(log(x)); }, {0, 2}).dx == std::vector<double>{0, 0.5});
}

TEST_CASE("edges: NaN is never swallowed") {
  for_both([](auto type) {
    using T = decltype(type);
    const std::vector<double> bad = {quiet_nan};
    const auto gives_nan = [&](auto f) { return std::isnan(at<T>(f, bad).y[0]); };
    CHECK(gives_nan([](auto& x) { return relu(x); }));
    CHECK(gives_nan([](auto& x) { return leaky_relu(x); }));
    CHECK(gives_nan([](auto& x) { return elu(x); }));
    CHECK(gives_nan([](auto& x) { return softplus(x); }));
    CHECK(gives_nan([](auto& x) { return sigmoid(x); }));
    CHECK(gives_nan([](auto& x) { return tanh(x); }));
    CHECK(gives_nan([](auto& x) { return abs(x); }));
    CHECK(gives_nan([](auto& x) { return minimum(x, 1.0); }));
    CHECK(gives_nan([](auto& x) { return minimum(1.0, x); }));
    CHECK(gives_nan([](auto& x) { return maximum(x, 1.0); }));
    CHECK(gives_nan([](auto& x) { return maximum(1.0, x); }));
    CHECK(gives_nan([](auto& x) { return clamp(x, -1.0, 1.0); }));
    CHECK(gives_nan([](auto& x) { return clamp(0.5, x, 1.0); }));
    CHECK(gives_nan([](auto& x) { return clamp(0.5, -1.0, x); }));
    CHECK(gives_nan([](auto& x) { return exp(x) + 0.0 * log(x); }));
    CHECK(gives_nan([](auto& x) { return pow(x, 2.0); }));
    CHECK(gives_nan([](auto& x) { return sqrt(x); }));
    CHECK(std::isnan(at<T>([](auto& x) { return log(x); }, {-1}).y[0]));
    CHECK(std::isnan(at<T>([](auto& x) { return sqrt(x); }, {-1}).y[0]));
    CHECK(std::isnan(at<T>([](auto& x) { return relu(x) * 2.0; }, bad).dx[0]));
  });
}

TEST_CASE("edges: finite at ±10,000, with the right slopes") {
  for_both([](auto type) {
    using T = decltype(type);
    const std::vector<double> far = {-10000, 10000};
    const auto sig = at<T>([](auto& x) { return sigmoid(x); }, far);
    CHECK(sig.y == std::vector<double>{0, 1});
    CHECK(sig.dx == std::vector<double>{0, 0});
    const auto soft = at<T>([](auto& x) { return softplus(x); }, far);
    CHECK(soft.y == std::vector<double>{0, 10000});
    CHECK(soft.dx == std::vector<double>{0, 1});
    const auto tan = at<T>([](auto& x) { return tanh(x); }, far);
    CHECK(tan.y == std::vector<double>{-1, 1});
    CHECK(tan.dx == std::vector<double>{0, 0});
    const auto el = at<T>([](auto& x) { return elu(x); }, far);
    CHECK(el.y == std::vector<double>{-1, 10000});
    CHECK(el.dx == std::vector<double>{0, 1});
  });
}

TEST_CASE("edges: infinities") {
  for_both([](auto type) {
    using T = decltype(type);
    const std::vector<double> ends = {-inf, inf};
    CHECK(at<T>([](auto& x) { return exp(x); }, ends).y == std::vector<double>{0, inf});
    CHECK(at<T>([](auto& x) { return tanh(x); }, ends).y == std::vector<double>{-1, 1});
    CHECK(at<T>([](auto& x) { return sigmoid(x); }, ends).y == std::vector<double>{0, 1});
    CHECK(at<T>([](auto& x) { return softplus(x); }, ends).y == std::vector<double>{0, inf});
    CHECK(at<T>([](auto& x) { return log(x); }, {0, inf}).y == std::vector<double>{-inf, inf});
    CHECK(at<T>([](auto& x) { return clamp(x, -1.0, 1.0); }, ends).y == std::vector<double>{-1, 1});
    CHECK(at<T>([](auto& x) { return 1 / x; }, {0, inf}).y == std::vector<double>{inf, 0});
  });
}

TEST_CASE("edges: sums along some axes of an array without elements, and their gradients") {
  for (const Axes& axes : {Axes{1, 3}, Axes{0, 2}, Axes{0}}) {
    const V x = random_parameter({0, 4, 2, 3}, 1);
    const V y = sum(x, axes);
    CHECK(list(y) == std::vector<double>(static_cast<std::size_t>(y.size()), 0.0));
    sum(y).backward();
    CHECK(x.grad().size() == 0);
  }
}

TEST_CASE("edges: pow follows the C library, negative bases and 0⁰ included") {
  const std::vector<double> bases = {0,    0, 0, -0.0, -2, -2,        -2, 1, inf,
                                     -inf, 2, 2, 0.5,  -1, quiet_nan, 3,  -8},
                            exponents = {0, 2,   -1,   -1,  2,   3, -3,  quiet_nan, 2,
                                         3, inf, -inf, inf, inf, 0, 0.5, 1};
  for_both([&](auto type) {
    using T = decltype(type);
    const Variable<T> y = pow(row<T>(bases), row<T>(exponents));
    std::vector<double> expected;
    for (std::size_t i = 0; i < bases.size(); ++i)
      expected.push_back(
          static_cast<double>(std::pow(static_cast<T>(bases[i]), static_cast<T>(exponents[i]))));
    CHECK(same(list(y), expected));
  });
  CHECK(std::isnan(V(pow(row({-2}), 0.5)).item()));
  CHECK(at<double>([](auto& x) { return pow(x, 2.0); }, {-3, 0, 3}).dx == std::vector<double>{-6, 0, 6});
  CHECK(at<double>([](auto& x) { return pow(x, 3.0); }, {-2, 0, 2}).dx == std::vector<double>{12, 0, 12});
  CHECK(at<double>([](auto& x) { return pow(x, 1.0); }, {-2, 0, 2}).dx == std::vector<double>{1, 1, 1});
  CHECK(at<double>([](auto& x) { return pow(x, 0.0); }, {-2, 0, 2}).dx == std::vector<double>{0, 0, 0});
  CHECK(at<double>([](auto& x) { return pow(2.0, x); }, {3}).dx == std::vector<double>{8 * std::log(2.0)});
  CHECK(at<double>([](auto& x) { return pow(0.0, x); }, {3}).dx == std::vector<double>{0});
}

TEST_CASE("edges: a result does not depend on its neighbours or on where an array ends") {
  const auto x = random_parameter<float>({67}, 1, 0.1, 3);
  const auto f = [](const auto& a, const auto& b) {
    return Variable<float>(pow(a, b) + tanh(a) * exp(b) - log(a) / sigmoid(b));
  };
  std::vector<double> exponents;
  for (int i = 0; i < 67; ++i) exponents.push_back(i % 5 == 0 ? 2 : 0.1 * i);
  const auto whole = list(f(x, row<float>(exponents)));
  for (std::size_t i = 0; i < 67; ++i)
    CHECK(list(f(row<float>({list(x)[i]}), row<float>({exponents[i]})))[0] == whole[i]);
}

TEST_CASE("edges: denormal numbers are read and made") {
  const double tiny = 1e-310;
  CHECK(V(row({tiny}) * 2.0).item() == 2 * tiny);
  CHECK(V(tanh(row({tiny}))).item() == tiny);
  CHECK(std::abs(V(log(row({tiny}))).item() - std::log(tiny)) < 1e-12);
  CHECK(std::abs(V(log(row({5e-324}))).item() - std::log(5e-324)) < 1e-12);
  CHECK(Variable<float>(row<float>({1e-40}) * 0.5).item() == 1e-40f * 0.5f);
  CHECK(Variable<float>(relu(row<float>({1e-40}))).item() == 1e-40f);
}

TEST_CASE("edges: functions are within a few units in the last place over wide sweeps") {
  for_both([](auto type) {
    using T = decltype(type);
    const double far = sizeof(T) == 4 ? 87 : 708;
    CHECK(units<T>([](auto& x) { return exp(x); }, [](long double x) { return std::exp(x); }, -far, far) < 2);
    CHECK(units<T>([](auto& x) { return log(x); }, [](long double x) { return std::log(x); }, 1e-6, 50) < 2);
    CHECK(units<T>([](auto& x) { return log(x); }, [](long double x) { return std::log(x); }, 0.5, 1.5) < 2);
    CHECK(units<T>([](auto& x) { return tanh(x); }, [](long double x) { return std::tanh(x); }, -30, 30) < 2);
    CHECK(units<T>([](auto& x) { return tanh(x); }, [](long double x) { return std::tanh(x); }, -1e-3, 1e-3) <
          2);
    CHECK(units<T>([](auto& x) { return sigmoid(x); }, [](long double x) { return 1 / (1 + std::exp(-x)); },
                   -far, 30) < 3);
    CHECK(units<T>([](auto& x) { return softplus(x); }, [](long double x) { return std::log1p(std::exp(x)); },
                   -far, 60) < 3);
    CHECK(units<T>([](auto& x) { return sin(x); }, [](long double x) { return std::sin(x); }, -1e4, 1e4) < 3);
    CHECK(units<T>([](auto& x) { return cos(x); }, [](long double x) { return std::cos(x); }, -1e4, 1e4) < 3);
    CHECK(units<T>([](auto& x) { return sqrt(x); }, [](long double x) { return std::sqrt(x); }, 0, 1e9) <=
          0.51);
    CHECK(units<T>([](auto& x) { return elu(x); }, [](long double x) { return x > 0 ? x : std::expm1(x); },
                   -20, 1) < 3);
    for (double p : {-3.0, -1.0, 0.5, 2.0, 2.5, 3.0, 7.0})
      CHECK(units<T>([p](auto& x) { return pow(x, p); },
                     [p](long double x) { return std::pow(x, static_cast<long double>(p)); }, 0.01, 100) < 2);
    for (double p : {-3.0, -1.0, 2.0, 3.0, 4.0})
      CHECK(units<T>([p](auto& x) { return pow(x, p); },
                     [p](long double x) { return std::pow(x, static_cast<long double>(p)); }, -100,
                     -0.01) < 2);
    CHECK(units<T>([](auto& x) { return pow(1.5, x); }, [](long double x) { return std::pow(1.5L, x); }, -100,
                   100) < 2);
  });
}

TEST_CASE("op edges: gates have slope 0 and 1 at the ends, and log_sigmoid is as large as x") {
  for_both([](auto type) {
    using T = decltype(type);
    const std::vector<double> ends = {-inf, -1e4, 1e4, inf};
    for (const auto f : {+[](const Variable<T>& x) { return Variable<T>(silu(x)); },
                         +[](const Variable<T>& x) { return Variable<T>(gelu(x)); },
                         +[](const Variable<T>& x) { return Variable<T>(gelu_tanh(x)); },
                         +[](const Variable<T>& x) { return Variable<T>(mish(x)); }}) {
      const Result<T> gate = at<T>(f, ends);
      CHECK(gate.y == std::vector<double>{0, 0, 1e4, inf});
      CHECK(gate.dx == std::vector<double>{0, 0, 1, 1});
      CHECK(std::isnan(at<T>(f, {quiet_nan}).dx[0]));
    }
    const Result<T> log = at<T>([](auto& x) { return log_sigmoid(x); }, ends);
    CHECK(log.y == std::vector<double>{-inf, -1e4, 0, 0});
    CHECK(log.dx == std::vector<double>{1, 1, 0, 0});
  });
}

TEST_CASE("op edges: hardtanh passes the gradient between its bounds and at them") {
  for_both([](auto type) {
    using T = decltype(type);
    const Result<T> r = at<T>([](auto& x) { return hardtanh(x, -2, 1); }, {-3, -2, 0.5, 1, 2, inf});
    CHECK(r.y == std::vector<double>{-2, -2, 0.5, 1, 1, 1});
    CHECK(r.dx == std::vector<double>{0, 1, 1, 1, 0, 0});
    CHECK(at<T>([](auto& x) { return hardtanh(x); }, {-3, 3}).y == std::vector<double>{-1, 1});
  });
  CHECK(message_of<UsageError>([] { hardtanh(V(1.0), 1, 0); }) == "hardtanh: need low ≤ high; got 1 and 0");
  CHECK_THROWS_AS(hardtanh(V(1.0), quiet_nan, 0), UsageError);
}

TEST_CASE("op edges: roots of 1 − a² keep their digits near 1, their slope is bounded if wanted") {
  for_both([](auto type) {
    using T = decltype(type);
    const double rounding = 4 * std::numeric_limits<T>::epsilon();
    const double a = 1 - std::ldexp(1.0, -20);  // a float, too
    const Result<T> plain = at<T>([](auto& x) { return root_one_minus_square(x); }, {0.6, a, 1, -1, 2});
    const double root = std::sqrt(std::ldexp(1.0, -20) * (1 + a));
    CHECK(plain.y[1] == doctest::Approx(root).epsilon(rounding));
    CHECK(plain.y[2] == 0);
    CHECK(plain.dx[0] == doctest::Approx(-0.75).epsilon(rounding));
    CHECK(plain.dx[1] == doctest::Approx(-a / root).epsilon(rounding));
    CHECK(plain.dx[2] == -inf);
    CHECK(plain.dx[3] == inf);
    CHECK(std::isnan(plain.y[4]));
    // With v = 1 − a²: −2 a / √max(4 v, 1e-6)
    const Result<T> bounded = at<T>([](auto& x) { return root_one_minus_square(x, 1e-6); }, {0.6, 1, -1});
    CHECK(distance(bounded.dx, {-0.75, -2000, 2000}) < rounding);
    const Result<T> logs = at<T>([](auto& x) { return root_one_minus_exp(x, 1e-6); }, {-1e-30, 0, -inf, -1});
    CHECK(distance(logs.y, {std::sqrt(2e-30), 0, 1, std::sqrt(1 - std::exp(-2.0))}) < rounding);
    CHECK(logs.y[0] == doctest::Approx(std::sqrt(2e-30)).epsilon(rounding));
    CHECK(distance(logs.dx, {-2000, -2000, 0, -std::exp(-2.0) / std::sqrt(1 - std::exp(-2.0))}) < rounding);
  });
  CHECK(message_of<UsageError>([] { root_one_minus_square(V(1.0), -1); }) ==
        "root_one_minus_square: slope_floor must be at least 0; got -1");
  CHECK_THROWS_AS(root_one_minus_exp(V(1.0), quiet_nan), UsageError);
}

TEST_CASE("op edges: erf, erfc, expm1, log1p and atan2 at the ends, with their slopes") {
  for_both([](auto type) {
    using T = decltype(type);
    const std::vector<double> ends = {-inf, -1e30, 1e30, inf};
    CHECK(at<T>([](auto& x) { return erf(x); }, ends).dx == std::vector<double>(4, 0));
    CHECK(at<T>([](auto& x) { return erfc(x); }, ends).dx == std::vector<double>(4, 0));
    CHECK(at<T>([](auto& x) { return expm1(x); }, {-inf, 0}).dx == std::vector<double>{0, 1});
    CHECK(at<T>([](auto& x) { return log1p(x); }, {-1, 0, inf}).dx == std::vector<double>{inf, 1, 0});
    const auto b = row<T>({0, 1e30, -1e30, 0, inf});
    const Result<T> angle = at<T>([&](auto& a) { return atan2(a, b); }, {0, 1e30, 0, 2, inf});
    CHECK(angle.dx[0] == 0);
    CHECK(angle.dx[1] == doctest::Approx(0.5e-30));  // squares would be infinite
    CHECK(angle.dx[2] == doctest::Approx(-1e-30));
    CHECK(angle.dx[3] == 0);
    CHECK(angle.dx[4] == 0);
  });
}
