#include "unroll/autograd/ctc_loss.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
using V = Variable<double>;

V logs(const Shape& shape, const std::vector<double>& p) {
  std::vector<double> x = p;
  for (double& v : x) v = std::log(v);
  return values(shape, x);
}

}  // namespace

TEST_CASE("ctc_loss: two steps and one symbol, by hand") {
  const V x = logs({2, 1, 2}, {0.6, 0.4, 0.3, 0.7});  // a blank and a symbol
  // blank symbol, symbol blank, symbol symbol
  const double p = 0.6 * 0.7 + 0.4 * 0.3 + 0.4 * 0.7;
  const V loss = ctc_loss(x, {1}, {2}, {1});
  CHECK(loss.item() == doctest::Approx(-std::log(p)).epsilon(1e-15));
  // Minus the share of the paths that have the class at the step.
  const std::vector<double> want = {-0.42 / p, -0.4 / p, -0.12 / p, -0.7 / p};
  CHECK(distance(list(grad(loss, x, {.retain_graph = true})), want) < 1e-15);
  CHECK(distance(list(grad(loss, x, {.create_graph = true})), want) < 1e-15);
}

TEST_CASE("ctc_loss: the mean divides by the lengths of the targets, as PyTorch's does") {
  const V x = log_softmax(random_parameter({5, 2, 3}, 1, -2, 2));
  const Indices targets(Shape{2, 3}, {1, 2, 1, 2, 0, 0}), steps{5, 4}, lengths{3, 1};
  const auto each = list(ctc_loss(x, targets, steps, lengths, {.reduction = Reduction::none}));
  CHECK(ctc_loss(x, targets, steps, lengths).item() ==
        doctest::Approx((each[0] / 3 + each[1]) / 2).epsilon(1e-15));
  CHECK(ctc_loss(x, targets, steps, lengths, {.reduction = Reduction::sum}).item() ==
        doctest::Approx(each[0] + each[1]).epsilon(1e-15));
  CHECK(list(ctc_loss(x, {1, 2, 1, 2}, steps, lengths, {.reduction = Reduction::none})) == each);
  CHECK(list(ctc_loss(x * 1.0, targets, steps, lengths, {.reduction = Reduction::none})) == each);
}

TEST_CASE("ctc_loss: of log_softmax, gradients of first and second order") {
  const auto x = random_parameter({4, 2, 3}, 2, -2, 2);
  const auto op = [](const auto& in) { return ctc_loss(log_softmax(in[0]), {1, 1, 2}, {4, 3}, {2, 1}); };
  gradcheck(op, {x});
  gradgradcheck(op, {x});
  const auto each = [](const auto& in) {
    return ctc_loss(log_softmax(in[0]), {1, 1, 2}, {4, 3}, {2, 1}, {.reduction = Reduction::none});
  };
  gradcheck(each, {x});
  gradgradcheck(each, {x});
}

TEST_CASE("ctc_loss: what does not fit has loss ∞, or 0 with zero_infinity, and gradient 0") {
  const auto x = random_parameter({3, 3, 3}, 3, -2, 0);
  // Two equal symbols need three steps; the second sequence has two. The third has none, and a symbol.
  const Indices targets{1, 1, 1, 1, 2}, steps{3, 2, 0}, lengths{2, 2, 1};
  for (bool zero : {false, true}) {
    const V each =
        ctc_loss(x, targets, steps, lengths, {.reduction = Reduction::none, .zero_infinity = zero});
    CHECK(std::isfinite(list(each)[0]));
    CHECK(list(each)[1] == (zero ? 0 : infinity));
    CHECK(list(each)[2] == (zero ? 0 : infinity));
    for (bool create_graph : {false, true}) {
      const auto g = list(grad<double>({each}, {x}, {.retain_graph = true, .create_graph = create_graph},
                                       {V(Shape{3}, 1.0)})[0]);
      double first = 0;
      for (std::size_t k = 0; k < g.size(); ++k) {
        if (k / 3 % 3 == 0)
          first += g[k];
        else
          CHECK(g[k] == 0);
      }
      CHECK(first == doctest::Approx(-3).epsilon(1e-14));  // at each step some class is on a path
    }
  }
  CHECK(ctc_loss(x, targets, steps, lengths).item() == infinity);
}

TEST_CASE("ctc_loss: a probability of 0 on every path, and on some") {
  const V x = logs({2, 1, 3}, {0.5, 0.5, 0, 0.5, 0.5, 0});
  CHECK(ctc_loss(x, {2}, {2}, {1}).item() == infinity);
  CHECK(list(grad(ctc_loss(x, {2}, {2}, {1}), x)) == std::vector<double>(6, 0));
  const V y = logs({2, 1, 2}, {0, 1, 0.25, 0.75});  // all paths begin with the symbol
  const V loss = ctc_loss(y, {1}, {2}, {1});
  CHECK(std::abs(loss.item()) < 1e-15);  // a rounding of ln 1
  for (bool create_graph : {false, true})
    CHECK(distance(list(grad(loss, y, {.retain_graph = true, .create_graph = create_graph})),
                   {0, -1, -0.25, -0.75}) < 1e-15);
}

TEST_CASE("ctc_loss: no steps and no symbols are certain") {
  const auto x = random_parameter({2, 1, 3}, 4, -2, 0);
  const V loss = ctc_loss(x, Indices(Shape{0}, {}), {0}, {0});
  CHECK(loss.item() == 0);
  CHECK(list(grad(loss, x, {.retain_graph = true})) == std::vector<double>(6, 0));
  CHECK(list(grad(loss, x, {.create_graph = true})) == std::vector<double>(6, 0));
}

TEST_CASE("ctc_loss: NaN shows, in its own sequence alone") {
  auto x = random_parameter({3, 2, 2}, 5, -2, 0);
  x.mutable_data()[1] = std::nan("");  // step 0, sequence 0
  const V each = ctc_loss(x, {1, 1}, {3, 3}, {1, 1}, {.reduction = Reduction::none});
  CHECK(std::isnan(list(each)[0]));
  CHECK(std::isfinite(list(each)[1]));
  const auto g = list(grad<double>({each}, {x}, {}, {values({2}, {0, 1}).detach()})[0]);
  for (double d : g) CHECK(std::isfinite(d));
}

TEST_CASE_TEMPLATE("ctc_loss: long sequences underflow nowhere", T, float, double) {
  const index_t steps = 2000;
  const Variable<T> x({steps, 1, 2}, static_cast<T>(std::log(0.5)));
  std::vector<std::int64_t> target(500, 1);
  const Variable<T> loss = ctc_loss(x, target, {steps}, {500}, {.reduction = Reduction::sum});
  // All paths of 2,000 classes out of 2 with 500 runs of the symbol: C(2001, 1000), each 2^-2000.
  const double paths = std::lgamma(2002.0) - std::lgamma(1001.0) - std::lgamma(1002.0);
  // 2,000 roundings at the size of the logarithms.
  CHECK(loss.item() == doctest::Approx(2000 * std::log(2.0) - paths).epsilon(1e-6));
}
