#include "unroll/autograd/regression_losses.hpp"

#include <doctest/doctest.h>

#include <numbers>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/likelihood_losses.hpp"
#include "unroll/autograd/margin_losses.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using V = Variable<double>;

}  // namespace

TEST_CASE("l1_loss: values, reductions, and slope 0 where both are equal") {
  const auto x = values({2, 2}, {1, 2, 3, 4}), t = values({2, 2}, {1, 0, 5, 8});
  CHECK(list(l1_loss(x, t, {.reduction = Reduction::none})) == std::vector<double>{0, 2, 2, 4});
  CHECK(l1_loss(x, t, {.reduction = Reduction::sum}).item() == 8);
  const V mean = l1_loss(x, t);
  CHECK(mean.item() == 2);
  CHECK(list(grad(mean, x)) == std::vector<double>{0, 0.25, -0.25, -0.25});
}

TEST_CASE("huber_loss: a parabola up to delta, a line beyond, and both for any size") {
  const auto x = values({1, 5}, {0, 0.5, -2, 3, 1e300}), t = values({1, 5}, {0, 0, 0, 0, 0});
  const V each = huber_loss(x, t, {.reduction = Reduction::none, .delta = 2});
  CHECK(list(each) == std::vector<double>{0, 0.125, 2, 4, 2e300});
  CHECK(list(grad<double>({each}, {x}, {}, {V(each.shape(), 1.0)})[0]) ==
        std::vector<double>{0, 0.5, -2, 2, 2});
  const auto far = values({2}, {infinity, -infinity}), zero = values({2}, {0, 0});
  const V loss = huber_loss(far, zero, {.reduction = Reduction::sum});
  CHECK(loss.item() == infinity);
  CHECK(list(grad(loss, far)) == std::vector<double>{1, -1});
  CHECK_THROWS_AS(huber_loss(x, t, {.delta = std::nan("")}), UsageError);
}

TEST_CASE("gaussian_nll_loss: values by the density, and the slope of a variance below eps") {
  const auto x = row({0.5, -1}), t = row({1, 1}), v = row({0.25, 2});
  const V loss = gaussian_nll_loss(x, t, v, {.full = true, .reduction = Reduction::none});
  const auto density = [](double d, double s) {
    return std::exp(-d * d / (2 * s)) / std::sqrt(2 * std::numbers::pi * s);
  };
  // A few roundings.
  CHECK(distance(list(loss), {-std::log(density(0.5, 0.25)), -std::log(density(2, 2))}) < 1e-15);
  CHECK(gaussian_nll_loss(x, t, v).item() ==
        doctest::Approx((0.5 * (std::log(0.25) + 1) + 0.5 * (std::log(2.0) + 2)) / 2).epsilon(1e-15));
  const auto small = row({0, 0.01});
  const V floored = gaussian_nll_loss(x, t, small, {.eps = 0.1, .reduction = Reduction::sum});
  CHECK(floored.item() == doctest::Approx(std::log(0.1) + 0.5 * (0.25 + 4) / 0.1).epsilon(1e-14));
  // ½ (1 / eps − r² / eps²)
  CHECK(distance(list(grad(floored, small)), {5 - 0.5 * 25, 5 - 0.5 * 400}) < 1e-13);
}

TEST_CASE("regression losses: what is masked has no part, even NaN") {
  const auto x = values({2, 2}, {1, std::nan(""), 3, -infinity}), t = values({2, 2}, {2, 1, 5, infinity});
  const auto v = values({2, 2}, {1, -1, 1, std::nan("")}), mask = values({2, 1}, {1, 1}).detach();
  const auto kept = values({2, 2}, {1, 0, 1, 0}).detach();
  const auto check = [&](const V& loss, double value, const std::vector<double>& slopes) {
    CHECK(loss.item() == doctest::Approx(value).epsilon(1e-15));
    CHECK(distance(list(grad(loss, x)), slopes) < 1e-15);
  };
  check(l1_loss(x, t, {.mask = kept}), 1.5, {-0.5, 0, -0.5, 0});
  check(huber_loss(x, t, {.mask = kept}), (0.5 + 1.5) / 2, {-0.5, 0, -0.5, 0});
  check(gaussian_nll_loss(x, t, v, {.mask = kept}), (0.5 + 2) / 2, {-0.5, 0, -1, 0});
  CHECK(std::isnan(l1_loss(x, t, {.mask = mask}).item()));
  const V nothing({2, 2}, 0.0);
  CHECK(message_of<UsageError>([&] { l1_loss(x, t, {.mask = nothing}); }) ==
        "l1_loss: the mask leaves no element, so no mean; take Reduction::sum");
  CHECK(message_of<ShapeError>([&] { huber_loss(x, t, {.mask = V(Shape{3}, 1.0)}); }) ==
        "huber_loss: need a mask that broadcasts to (2, 2); got (3,)");
  CHECK_THROWS_AS(gaussian_nll_loss(x, t, v, {.mask = V(Shape{3}, 1.0)}), ShapeError);
  CHECK_THROWS_AS(gaussian_nll_loss(x, t, v, {.mask = mask}), UsageError);
}

TEST_CASE("regression losses: take expressions") {
  const auto x = random_parameter({2, 3}, 7), t = random_parameter({2, 3}, 8),
             v = random_parameter({3}, 9, 1, 2);
  CHECK(l1_loss(x * 1.0, t * 1.0).item() == l1_loss(x, t).item());
  CHECK(huber_loss(x * 1.0, t).item() == huber_loss(x, t).item());
  CHECK(gaussian_nll_loss(x * 1.0, t, v * 1.0).item() == gaussian_nll_loss(x, t, v).item());
}

TEST_CASE("losses: a reduction alone needs no name") {
  const V x = random_parameter({2, 3}, 7), t = random_parameter({2, 3}, 8, 0.1, 0.9);
  const V ones({2, 3}, 1);
  const auto check = [](const V& by_place, const V& by_name) { CHECK(list(by_place) == list(by_name)); };
  for (const Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    check(cross_entropy(x, {0, 1}, r), cross_entropy(x, {0, 1}, {.reduction = r}));
    check(nll_loss(x, {0, 1}, r), nll_loss(x, {0, 1}, {.reduction = r}));
    check(kl_div(x, t, r), kl_div(x, t, {.reduction = r}));
    check(l1_loss(x, t, r), l1_loss(x, t, {.reduction = r}));
    check(huber_loss(x * 1.0, t, r), huber_loss(x, t, {.reduction = r}));
    check(hinge_loss(x * 1.0, ones, r), hinge_loss(x, ones, {.reduction = r}));
  }
}
