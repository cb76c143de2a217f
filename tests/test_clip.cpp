#include "unroll/optim/clip.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "optim_helpers.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

const double not_a_number = std::nan(""), infinity = std::numeric_limits<double>::infinity();

std::vector<Variable<double>> with_grads(const std::vector<std::vector<double>>& grads) {
  std::vector<Variable<double>> parameters;
  for (const auto& g : grads) {
    parameters.push_back(row(std::vector<double>(g.size(), 1.0)));
    set_grad(parameters.back(), g);
  }
  return parameters;
}

}  // namespace

TEST_CASE("clip: the gradients (3) and (4) under a norm of 1") {
  const auto p = with_grads({{3.0}, {4.0}});
  CHECK(clip_grad_norm(p, 1.0) == 5.0);
  // 3 and 4 times 1 / (5 + 1e-6), to rounding.
  CHECK(gradient_list(p[0])[0] == doctest::Approx(3 / 5.000001).epsilon(1e-15));
  CHECK(gradient_list(p[1])[0] == doctest::Approx(4 / 5.000001).epsilon(1e-15));
  CHECK(gradient_list(p[0])[0] == doctest::Approx(0.59999988).epsilon(1e-8));  // as many digits as are given
}

TEST_CASE("clip: gradients within the norm keep every bit") {
  const auto p = with_grads({{0.1, -0.2}, {0.3}});
  CHECK(clip_grad_norm(p, 10.0) == doctest::Approx(std::sqrt(0.14)).epsilon(1e-15));  // a few roundings
  CHECK(gradient_list(p[0]) == std::vector{0.1, -0.2});
  CHECK(clip_grad_norm(p, infinity) > 0);
  CHECK(gradient_list(p[1]) == std::vector{0.3});
}

TEST_CASE("clip: the factor counts 1e-6 on top of the norm even at the limit") {
  const auto p = with_grads({{3.0, 4.0}});
  clip_grad_norm(p, 5.0);
  CHECK(gradient_list(p[0])[1] == doctest::Approx(4 * (5 / 5.000001)).epsilon(1e-15));  // to rounding
  CHECK(gradient_list(p[0])[1] < 4.0);
}

TEST_CASE("clip: parameters without a gradient are left out") {
  auto p = with_grads({{3.0, 4.0}});
  p.push_back(row({7.0}));
  CHECK(clip_grad_norm(p, 1.0) == 5.0);
  CHECK_FALSE(p[1].has_grad());
  CHECK(clip_grad_norm(std::vector<Variable<double>>{}, 1.0) == 0.0);
}

TEST_CASE("clip: floats are summed in double") {
  const auto p = row<float>(std::vector<double>(1000, 1.0));
  set_grad(p, std::vector<double>(1000, 1e25));  // their squares overflow float
  CHECK(clip_grad_norm(std::vector{p}, 1.0) ==
        doctest::Approx(1e25 * std::sqrt(1000.0)).epsilon(1e-6));                      // float
  CHECK(gradient_list(p)[0] == doctest::Approx(1 / std::sqrt(1000.0)).epsilon(1e-6));  // float
}

TEST_CASE("clip: an infinite max_norm changes nothing, even where the norm is infinite or NaN") {
  const auto p = with_grads({{3.0}, {infinity}});
  CHECK(clip_grad_norm(p, infinity) == infinity);
  CHECK(gradient_list(p[0]) == std::vector{3.0});
  CHECK(gradient_list(p[1]) == std::vector{infinity});
  const auto q = with_grads({{3.0, not_a_number}});
  CHECK(std::isnan(clip_grad_norm(q, infinity)));
  CHECK(gradient_list(q[0])[0] == 3.0);
}

TEST_CASE("clip: no square overflows or is lost, in double either") {
  const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-14); };  // a few roundings
  const auto large = with_grads({{3e200}, {4e200}});
  CHECK(clip_grad_norm(large, 1.0, {.error_if_nonfinite = true}) == near(5e200));
  CHECK(gradient_list(large[0])[0] == near(0.6));
  CHECK(gradient_list(large[1])[0] == near(0.8));
  // The norm itself is beyond the largest double.
  const auto beyond = with_grads({{1.5e308, 1.5e308}, {-1.5e308, 1.5e308}});
  CHECK(clip_grad_norm(beyond, 1e-30) == infinity);
  CHECK(gradient_list(beyond[0])[0] / 5e-31 == near(1));
  CHECK(gradient_list(beyond[1])[0] / 5e-31 == near(-1));
  const auto tiny = with_grads({{3e-200}, {4e-200}});
  CHECK(clip_grad_norm(tiny, 1.0) / 5e-200 == near(1));
  CHECK(gradient_list(tiny[0]) == std::vector{3e-200});
  const auto least = with_grads({{3e-170, 4e-170}});
  CHECK(clip_grad_norm(least, 1e-300) / 5e-170 == near(1));
  CHECK(gradient_list(least[0])[0] == 0);  // 3e-170 · 1e-300 / (5e-170 + 1e-6)
  const auto small = with_grads({{3e-170, 4e-170}});
  clip_grad_norm(small, 1e-100);
  CHECK(gradient_list(small[0])[0] / 3e-264 == near(1));  // 3e-170 · 1e-100 / (5e-170 + 1e-6)
}

TEST_CASE("clip: in float the factor may be below the smallest float") {
  const auto p = row<float>(std::vector<double>(10000, 1.0));
  set_grad(p, std::vector<double>(10000, 1e38));
  CHECK(clip_grad_norm(std::vector{p}, 0.01) == doctest::Approx(1e40).epsilon(1e-6));  // float
  CHECK(gradient_list(p)[0] / 1e-4 == doctest::Approx(1).epsilon(1e-6));               // float
}

TEST_CASE("clip: a parameter listed twice counts once") {
  auto p = with_grads({{3.0}, {4.0}});
  p.push_back(p[1]);
  CHECK(clip_grad_norm(p, 1.0) == 5.0);
  CHECK(gradient_list(p[1])[0] == doctest::Approx(4 / 5.000001).epsilon(1e-15));  // to rounding
}

TEST_CASE("clip: NaN is not swallowed") {
  const auto p = with_grads({{not_a_number, 1.0}, {2.0}});
  CHECK(std::isnan(clip_grad_norm(p, 1.0)));
  CHECK(std::isnan(gradient_list(p[1])[0]));
}

TEST_CASE("clip: a norm that is not finite is an error on request, before anything is changed") {
  auto p = with_grads({{2.0}, {infinity, 1.0}});
  p[1].set_name("decoder.weight");
  CHECK_THROWS_WITH_AS(
      clip_grad_norm(p, 1.0, {.error_if_nonfinite = true}),
      "clip_grad_norm: the gradient of decoder.weight (2,) is not finite; lower the learning "
      "rate, or run backward under AnomalyMode to find the op",
      UsageError);
  CHECK(gradient_list(p[0]) == std::vector{2.0});
  const auto large = with_grads({{1.5e308}, {1.5e308}});
  CHECK_THROWS_WITH_AS(clip_grad_norm(large, 1.0, {.error_if_nonfinite = true}),
                       "clip_grad_norm: the norm of all gradients overflows; lower the learning rate",
                       UsageError);
}

TEST_CASE("clip: values are brought into the limits, and NaN stays") {
  const auto p = with_grads({{-3.0, -0.5, 0.0, 0.5, 3.0, infinity, not_a_number}});
  clip_grad_value(p, 1.0);
  auto g = gradient_list(p[0]);
  CHECK(std::isnan(g.back()));
  g.pop_back();
  CHECK(g == std::vector{-1.0, -0.5, 0.0, 0.5, 1.0, 1.0});
}

TEST_CASE("clip: limits and parameters out of range are refused") {
  const auto p = with_grads({{1.0}});
  CHECK_THROWS_WITH_AS(clip_grad_norm(p, -1.0), "clip_grad_norm: max_norm must be at least 0; got -1",
                       UsageError);
  CHECK_THROWS_AS(clip_grad_norm(p, not_a_number), UsageError);
  CHECK_THROWS_AS(clip_grad_value(p, not_a_number), UsageError);
  const Variable<double> result = p[0] * 2.0;
  CHECK_THROWS_AS(clip_grad_norm(std::vector{result}, 1.0), UsageError);
  CHECK_THROWS_AS(clip_grad_value(std::vector{Variable<double>()}, 1.0), UsageError);
}
