#include "unroll/autograd/likelihood_losses.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using V = Variable<double>;

}  // namespace

TEST_CASE(
    "nll_loss: of log_softmax it is cross_entropy, with weights and ignored targets, in value and gradient") {
  const auto x = random_parameter({4, 5}, 1, -2, 2);
  const Indices targets{0, 4, -100, 4};
  for (Reduction r : {Reduction::mean, Reduction::sum}) {
    const std::vector<double> weight = {1, 2, 3, 4, 0.5};
    const V a = nll_loss(log_softmax(x), targets, {.weight = weight, .reduction = r});
    const V b = cross_entropy(x, targets, {.weight = weight, .reduction = r});
    // A few roundings.
    CHECK(a.item() == doctest::Approx(b.item()).epsilon(1e-14));
    CHECK(distance(list(grad(a, x)), list(grad(b, x))) < 1e-14);
  }
}

TEST_CASE("nll_loss: what is ignored or has weight 0 leaks nothing") {
  const double nan = std::nan("");
  const auto x = values({3, 2}, {-1, -2, nan, nan, -infinity, nan});
  const V each = nll_loss(x, {1, -100, 0}, {.weight = {0, 1}, .reduction = Reduction::none});
  CHECK(list(each) == std::vector<double>{2, 0, 0});
  const V loss = nll_loss(x, {1, -100, 0}, {.weight = {0, 1}});
  CHECK(loss.item() == 2);
  CHECK(list(grad(loss, x)) == std::vector<double>{0, -1, 0, 0, 0, 0});
  CHECK(nll_loss(x, {0, -100, 0}, {.reduction = Reduction::sum}).item() == infinity);
  CHECK(std::isnan(nll_loss(x, {-100, -100, -100}).item()));
  CHECK(nll_loss(x, {-100, -100, -100}, {.reduction = Reduction::sum}).item() == 0);
  CHECK(std::isnan(nll_loss(V(Shape{0, 3}, 1.0), Indices(Shape{0}, {})).item()));
  CHECK_THROWS_AS(nll_loss(V(1.0), Indices(Shape{}, {0})), ShapeError);
}

TEST_CASE("kl_div: values by the definition, 0 where the target is 0, in both forms") {
  const auto x = values({1, 3}, {std::log(0.5), std::log(0.25), -infinity}),
             t = values({1, 3}, {0.25, 0.75, 0});
  const double want = 0.25 * std::log(0.5) + 0.75 * std::log(3.0);
  const V loss = kl_div(x, t, {.reduction = Reduction::sum});
  CHECK(loss.item() == doctest::Approx(want).epsilon(1e-15));
  CHECK(list(grad(loss, x)) == std::vector<double>{-0.25, -0.75, 0});
  const auto logs = values({1, 3}, {std::log(0.25), std::log(0.75), -infinity});
  const V same = kl_div(x, logs, {.reduction = Reduction::sum, .log_target = true});
  CHECK(same.item() == doctest::Approx(want).epsilon(1e-15));
  CHECK(distance(list(grad(same, x)), {-0.25, -0.75, 0}) < 1e-15);
  CHECK(kl_div(x, t).item() == doctest::Approx(want / 3).epsilon(1e-15));
  const auto y = values({1, 3}, {-1, -1, -infinity});
  CHECK(kl_div(y, values({1, 3}, {0.5, 0.25, 0.25}), {.reduction = Reduction::sum}).item() == infinity);
}

TEST_CASE("kl_div: what is masked has no part; expressions are taken") {
  const auto x = values({2, 2}, {-1, std::nan(""), -2, 5}), t = values({2, 2}, {1, 1, 0.5, std::nan("")});
  const auto mask = values({2, 2}, {1, 0, 1, 0}).detach();
  const V loss = kl_div(x, t, {.mask = mask});
  CHECK(loss.item() == doctest::Approx((1 + 0.5 * (std::log(0.5) + 2)) / 2).epsilon(1e-15));
  CHECK(list(grad(loss, x)) == std::vector<double>{-0.5, 0, -0.25, 0});
  const V logs = kl_div(x, t, {.reduction = Reduction::sum, .log_target = true, .mask = mask});
  CHECK(logs.item() == doctest::Approx(std::exp(1.0) * 2 + std::exp(0.5) * 2.5).epsilon(1e-15));
  const auto a = random_parameter({2, 3}, 7, -2, 0), b = random_parameter({2, 3}, 8, 0, 1);
  CHECK(kl_div(a * 1.0, b * 1.0).item() == kl_div(a, b).item());
  CHECK(nll_loss(a * 1.0, {0, 2}).item() == nll_loss(a, {0, 2}).item());
}
