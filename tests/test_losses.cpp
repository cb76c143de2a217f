#include "unroll/autograd/losses.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/data/batches.hpp"
#include "unroll/layers/pooling.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// (1−ε)(−ln p_t) + ε mean(−ln p), by the definition.
double reference(const std::vector<double>& x, std::size_t target, double smoothing) {
  double total = 0, mean = 0;
  for (double v : x) total += std::exp(v);
  for (double v : x) mean -= (v - std::log(total)) / static_cast<double>(x.size());
  return (1 - smoothing) * (std::log(total) - x[target]) + smoothing * mean;
}

std::vector<double> row_of(const Variable<double>& x, index_t r) {
  const index_t cols = x.shape().back(0);
  return {x.data() + r * cols, x.data() + (r + 1) * cols};
}

std::vector<double> gradient_of(const Variable<double>& y, const Variable<double>& x) {
  return list(grad<double>({y}, {x}, {}, {Variable<double>(y.shape(), 1.0)})[0]);
}
std::vector<double> recorded_gradient_of(const Variable<double>& y, const Variable<double>& x) {
  return list(grad<double>({y}, {x}, {.create_graph = true}, {Variable<double>(y.shape(), 1.0)})[0]);
}

}  // namespace

TEST_CASE("cross_entropy: values equal the definition, for each reduction and smoothing") {
  for (index_t cols : {1, 5, 65, 5000}) {
    const auto x = random_parameter({2, 2, cols}, 1, -3, 3);
    const Indices targets(Shape{2, 2}, {0, cols - 1, -100, cols / 2});
    for (double smoothing : {0.0, 0.1, 1.0}) {
      std::vector<double> expected;
      double total = 0;
      for (index_t r = 0; r < 4; ++r) {
        const bool used = targets[r] >= 0;
        expected.push_back(used ? reference(row_of(x, r), static_cast<std::size_t>(targets[r]), smoothing)
                                : 0);
        total += expected.back();
      }
      const auto loss = [&](Reduction r) {
        return list(cross_entropy(x, targets, {.reduction = r, .label_smoothing = smoothing}));
      };
      // Sums of up to 5,000 terms in double.
      CHECK(distance(loss(Reduction::none), expected) < 1e-12);
      CHECK(distance(loss(Reduction::sum), {total}) < 1e-12);
      CHECK(distance(loss(Reduction::mean), {total / 3}) < 1e-12);
    }
  }
}

TEST_CASE("cross_entropy: label smoothing gives the numbers of PyTorch 1.13.1") {
  const auto x = values({2, 3}, {0.1, -0.4, 2.0, 1.5, 0.3, -0.7});
  const Variable loss = cross_entropy(x, {2, 0}, {.label_smoothing = 0.1});
  // The last digits printed.
  CHECK(loss.item() == doctest::Approx(0.40850720155230175).epsilon(1e-15));
  loss.backward();
  CHECK(distance(gradient_list(x), {0.043629325621511644, 0.01990470131390998, -0.06353402693542165,
                                    -0.1125583584459619, 0.08998870615943166, 0.022569652286530215}) < 1e-15);
}

TEST_CASE("cross_entropy: gradients of first and second order") {
  const auto x = random_parameter({2, 2, 9}, 2, -2, 2);
  const Indices targets(Shape{2, 2}, {0, 8, -1, 4});
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    for (double smoothing : {0.0, 0.2, 1.0}) {
      const CrossEntropyOptions options{
          .ignore_index = -1, .reduction = reduction, .label_smoothing = smoothing};
      const auto op = [&](const auto& in) { return cross_entropy(in[0], targets, options); };
      gradcheck(op, {x});
      gradgradcheck(op, {x});
    }
  }
  gradcheck(
      [](const auto& in) {
        return cross_entropy(slice(in[0], 2, 2, 6), Indices(Shape{2, 2}, {0, 1, 2, 3}));
      },
      {x});
  gradcheck([](const auto& in) { return cross_entropy(in[0], Indices(Shape{}, {1})); },
            {random_parameter({3}, 3)});
}

TEST_CASE("cross_entropy: it adds to a gradient that is there") {
  const auto x = random_parameter({3, 20}, 4);
  const Indices targets{3, -100, 19};
  const std::vector<double> once = gradient_of(cross_entropy(x, targets), x);
  (cross_entropy(x, targets) + cross_entropy(x, targets)).evaluate().backward();
  const std::vector<double> twice = gradient_list(x);
  // A sum and a doubling, each rounded.
  for (std::size_t k = 0; k < once.size(); ++k)
    CHECK(twice[k] == doctest::Approx(2 * once[k]).epsilon(1e-15));
}

TEST_CASE_TEMPLATE("cross_entropy: logits up to 1e4 in size", T, float, double) {
  const auto x = values<T>({2, 3}, {1e4, 9999, -1e4, 1e4, 9999, -1e4});
  const double e = std::exp(-1.0), z = 1 + e;
  // Rounding of T, relative to the value; the large numbers cancel exactly.
  const double epsilon = std::numeric_limits<T>::epsilon();
  const Variable<T> loss = cross_entropy(x, {1, 2}, {.reduction = Reduction::none});
  CHECK(list(loss)[0] == doctest::Approx(1 + std::log(z)).epsilon(4 * epsilon));
  CHECK(list(loss)[1] == doctest::Approx(2e4 + std::log(z)).epsilon(4 * epsilon));
  loss.backward(row<T>({1, 1}));
  CHECK(distance(gradient_list(x), {1 / z, e / z - 1, 0, 1 / z, e / z, -1}) < 4 * epsilon);
}

TEST_CASE("cross_entropy: −∞ entries, as target, beside it and alone") {
  const auto x = values({3, 2}, {-infinity, 1, -infinity, 1, -infinity, -infinity});
  const Variable y = cross_entropy(x, {1, 0, 0}, {.reduction = Reduction::none});
  CHECK(list(y) == std::vector<double>{0, infinity, infinity});
  CHECK(gradient_of(y, x) == std::vector<double>{0, 0, -1, 1, 0, 0});
  CHECK(recorded_gradient_of(cross_entropy(x, {1, 0, 0}, {.reduction = Reduction::none}), x) ==
        std::vector<double>{0, 0, -1, 1, 0, 0});
  const Variable smooth = cross_entropy(x, {1, 0, 0}, {.reduction = Reduction::none, .label_smoothing = 0.5});
  CHECK(list(smooth) == std::vector<double>(3, infinity));
  CHECK(gradient_of(smooth, x) == std::vector<double>{-0.25, 0.25, -0.75, 0.75, 0, 0});
}

TEST_CASE("cross_entropy: NaN shows where it counts, and nowhere else") {
  const double nan = std::nan("");
  const auto x = values({2, 2}, {nan, 1, nan, 2});
  const Variable y = cross_entropy(x, {1, -100}, {.reduction = Reduction::none});
  CHECK(std::isnan(list(y)[0]));
  CHECK(list(y)[1] == 0);
  const std::vector<double> g = gradient_of(y, x);
  CHECK(std::isnan(g[0]));
  CHECK(std::isnan(g[1]));
  CHECK((g[2] == 0 && g[3] == 0));
}

TEST_CASE("cross_entropy: where all targets are ignored the mean is NaN, the sum 0, the gradient 0") {
  const auto x = random_parameter({2, 3}, 5);
  CHECK(std::isnan(cross_entropy(x, {-100, -100}).item()));
  CHECK(cross_entropy(x, {-100, -100}, {.reduction = Reduction::sum}).item() == 0);
  CHECK(gradient_of(cross_entropy(x, {-100, -100}), x) == std::vector<double>(6, 0));
  CHECK(recorded_gradient_of(cross_entropy(x, {-100, -100}), x) == std::vector<double>(6, 0));
}

TEST_CASE("cross_entropy: mistakes are named before anything is done") {
  const auto x = random_parameter({2, 3}, 6);
  CHECK(message_of<ShapeError>([&] { cross_entropy(x, {1}); }) ==
        "cross_entropy: need logits (…, V) and targets (…); got logits (2, 3), targets (1,)");
  CHECK(message_of<IndexError>([&] {
          cross_entropy(x, {0, 3});
        }) == "cross_entropy: target 3 at position 1 is outside [0, 3)");
  CHECK_THROWS_AS(cross_entropy(x, {-1, 0}), IndexError);
  CHECK_THROWS_AS(cross_entropy(Variable<double>(1.0), Indices()), ShapeError);
  CHECK(message_of<UsageError>([&] {
          cross_entropy(x, {0, 1}, {.label_smoothing = 2});
        }) == "cross_entropy: label_smoothing must lie in [0, 1]; got 2");
  CHECK_THROWS_AS(cross_entropy(Variable<double>(), {0}), UsageError);
}

TEST_CASE("mse: values, gradients, reductions") {
  const auto a = values({2, 2}, {1, 2, 3, 4}), b = values({2, 2}, {1, 0, 0, 8});
  CHECK(list(mse(a, b, Reduction::none)) == std::vector<double>{0, 4, 9, 16});
  CHECK(mse(a, b, Reduction::sum).item() == 29);
  CHECK(mse(a, b).item() == 7.25);
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const auto op = [&](const auto& in) { return mse(in[0], in[1], r); };
    gradcheck(op, {a, b});
    gradgradcheck(op, {a, b});
  }
}

TEST_CASE_TEMPLATE("binary_cross_entropy_with_logits: exact for logits of any size", T, float, double) {
  const auto x = row<T>({0, 20, -20, 20, -20, 1e4, -1e4, 1e4});
  const auto t = row<T>({0.25, 1, 0, 0, 1, 1, 1, 0.5});
  const double tiny = std::log1p(std::exp(-20.0));
  const std::vector<double> expected = {std::log(2.0), tiny, tiny, 20 + tiny, 20 + tiny, 0, 1e4, 5000};
  const std::vector<double> loss = list(binary_cross_entropy_with_logits(x, t, Reduction::none));
  // A few roundings of T, also of the tiny ones.
  for (std::size_t k = 0; k < loss.size(); ++k)
    CHECK(loss[k] == doctest::Approx(expected[k]).epsilon(8 * std::numeric_limits<T>::epsilon()));
}

TEST_CASE("binary_cross_entropy_with_logits: gradients, also at 0, and reductions") {
  const auto x = values({2, 3}, {0, 1, -1, 3, -3, 0.5}), t = values({2, 3}, {0, 1, 0.5, 0.25, 1, 0});
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const auto op = [&](const auto& in) { return binary_cross_entropy_with_logits(in[0], in[1], r); };
    gradcheck(op, {x, t});
    gradgradcheck(op, {x, t});
  }
  const double total = binary_cross_entropy_with_logits(x, t, Reduction::sum).item();
  // One division.
  CHECK(binary_cross_entropy_with_logits(x, t).item() == doctest::Approx(total / 6).epsilon(1e-15));
}

TEST_CASE("losses: take expressions, and refuse shapes that differ") {
  const auto x = random_parameter({2, 3}, 7), y = random_parameter({3}, 8);
  CHECK(cross_entropy(x * 1.0, {0, 1}).item() == cross_entropy(x, {0, 1}).item());
  CHECK(cross_entropy(x * 1.0, {0, 1}, Reduction::sum).item() ==
        cross_entropy(x, {0, 1}, {.reduction = Reduction::sum}).item());
  CHECK(mse(x * 1.0, x * 2.0).item() == mse(x, Variable<double>(x * 2.0)).item());
  CHECK(binary_cross_entropy_with_logits(x, x * 1.0).item() == binary_cross_entropy_with_logits(x, x).item());
  CHECK(message_of<ShapeError>([&] { mse(x, y); }) == "mse: shapes must be equal; got (2, 3) and (3,)");
  CHECK(message_of<ShapeError>([&] { binary_cross_entropy_with_logits(y, x); }) ==
        "binary_cross_entropy_with_logits: shapes must be equal; got (3,) and (2, 3)");
  const Variable<double> none({0}, 0.0);
  CHECK(mse(none, none, Reduction::sum).item() == 0);
  CHECK(message_of<UsageError>([&] { mse(none, none); }) ==
        "mse: (0,) has no elements, so no mean; take Reduction::sum");
  CHECK_THROWS_AS(mse(x, Variable<double>()), UsageError);
}

TEST_CASE("cross_entropy: over a padded batch it is the mean over the real tokens") {
  const std::vector<std::vector<std::int64_t>> sequences = {{2, 0, 3}, {1}, {4, 4}};
  const PaddedTokens padded = pad(sequences, CrossEntropyOptions{}.ignore_index);
  const auto logits = random_parameter({3, 3, 5}, 8, -2, 2);
  for (double smoothing : {0.0, 0.1}) {
    double total = 0;
    for (std::size_t b = 0; b < 3; ++b)
      for (std::size_t t = 0; t < sequences[b].size(); ++t)
        total += reference(row_of(logits, static_cast<index_t>(t * 3 + b)),
                           static_cast<std::size_t>(sequences[b][t]), smoothing);
    const auto loss = cross_entropy(logits, Indices({padded.steps, padded.batch}, padded.tokens),
                                    {.label_smoothing = smoothing});
    CHECK(std::abs(loss.item() - total / 6) < 1e-14);  // a few roundings
    const auto slopes = gradient_of(loss, logits);
    for (std::size_t row : {4, 7, 8})  // t * 3 + b, below the ends of the second and the third
      for (std::size_t k = 0; k < 5; ++k) CHECK(slopes[row * 5 + k] == 0);
  }
}

TEST_CASE("cross_entropy: class weights weigh the loss of a row, and the mean divides by their sum") {
  const auto x = random_parameter({4, 3}, 9, -2, 2);
  const Indices targets{2, 0, -100, 1};
  const std::vector<double> w = {2, 0.5, 3};
  for (double smoothing : {0.0, 0.3, 1.0}) {
    std::vector<double> expected(4, 0.0);
    for (const index_t r : {0, 1, 3}) {
      const auto target = static_cast<std::size_t>(targets[r]);
      expected[static_cast<std::size_t>(r)] =
          (1 - smoothing) * w[target] * reference(row_of(x, r), target, 0);
      for (std::size_t k = 0; k < 3; ++k)
        expected[static_cast<std::size_t>(r)] += smoothing / 3 * w[k] * reference(row_of(x, r), k, 0);
    }
    const double total = expected[0] + expected[1] + expected[3];
    const auto loss = [&](Reduction r) {
      return list(cross_entropy(x, targets, {.weight = w, .reduction = r, .label_smoothing = smoothing}));
    };
    // A few roundings.
    CHECK(distance(loss(Reduction::none), expected) < 1e-14);
    CHECK(distance(loss(Reduction::sum), {total}) < 1e-14);
    CHECK(distance(loss(Reduction::mean), {total / (3 + 2 + 0.5)}) < 1e-14);
  }
  CHECK(distance(list(cross_entropy(x, targets, {.weight = {1, 1, 1}, .label_smoothing = 0.1})),
                 list(cross_entropy(x, targets, {.label_smoothing = 0.1}))) < 1e-15);
}

TEST_CASE("cross_entropy: with class weights, gradients of first and second order") {
  const auto x = random_parameter({2, 2, 5}, 10, -2, 2);
  const Indices targets(Shape{2, 2}, {0, 4, -100, 3});
  for (Reduction reduction : {Reduction::mean, Reduction::sum, Reduction::none}) {
    for (double smoothing : {0.0, 0.2, 1.0}) {
      const CrossEntropyOptions options{
          .weight = {1, 2, 0, 0.25, 3}, .reduction = reduction, .label_smoothing = smoothing};
      const auto op = [&](const auto& in) { return cross_entropy(in[0], targets, options); };
      gradcheck(op, {x});
      gradgradcheck(op, {x});
    }
  }
}

TEST_CASE("cross_entropy: a row of weight 0 is as an ignored one, NaN or not") {
  const double nan = std::nan("");
  const auto x = values({2, 2}, {nan, 1, 0, 0});
  const Variable y = cross_entropy(x, {1, 0}, {.weight = {3, 0}});
  CHECK(y.item() == doctest::Approx(std::log(2.0)).epsilon(1e-15));  // one rounding
  CHECK(distance(gradient_of(y, x), {0, 0, -0.5, 0.5}) < 1e-15);     // 3 / 3, and one rounding more
  CHECK(recorded_gradient_of(cross_entropy(x, {1, 0}, {.weight = {3, 0}}), x) ==
        std::vector<double>{0, 0, -0.5, 0.5});
  CHECK(std::isnan(cross_entropy(x, {1, 1}, {.weight = {3, 0}}).item()));
  CHECK(cross_entropy(x, {1, 1}, {.weight = {3, 0}, .reduction = Reduction::sum}).item() == 0);
  CHECK(gradient_of(cross_entropy(x, {1, 1}, {.weight = {3, 0}}), x) == std::vector<double>(4, 0));
  // A class of weight 0 has no part in smoothing, also where its logit is −∞.
  const auto z = values({1, 3}, {-infinity, 0, 0});
  CHECK(cross_entropy(z, {1}, {.weight = {0, 1, 1}, .label_smoothing = 0.6}).item() ==
        doctest::Approx(0.8 * std::log(2.0)).epsilon(1e-15));
}

TEST_CASE("cross_entropy: weights that do not fit are named") {
  const auto x = random_parameter({2, 3}, 11);
  CHECK(message_of<ShapeError>([&] {
          cross_entropy(x, {0, 1}, {.weight = {1, 2}});
        }) == "cross_entropy: need one weight for each of 3 classes; got 2");
  CHECK(message_of<UsageError>([&] {
          cross_entropy(x, {0, 1}, {.weight = {1, -1, 1}});
        }) == "cross_entropy: weight must be finite and at least 0; got -1");
  CHECK_THROWS_AS(cross_entropy(x, {0, 1}, {.weight = {1, infinity, 1}}), UsageError);
  CHECK_THROWS_AS(cross_entropy(x, {0, 1}, {.weight = {1, std::nan(""), 1}}), UsageError);
}

TEST_CASE("mse: under a mask nothing counts") {
  const auto a = values({2, 2}, {1, 2, 3, 4}), b = values({2, 2}, {1, 0, 0, 8});
  const Variable<double> mask = values({2, 2}, {1, 1, 0, 1}).detach();
  CHECK(list(mse(a, b, {.reduction = Reduction::none, .mask = mask})) == std::vector<double>{0, 4, 0, 16});
  CHECK(mse(a, b, {.reduction = Reduction::sum, .mask = mask}).item() == 20);
  CHECK(mse(a, b, {.mask = mask}).item() == doctest::Approx(20.0 / 3).epsilon(1e-15));  // two roundings
  CHECK(mse(a * 1.0, b, {.mask = values({2, 1}, {0, 7})}).item() == 12.5);  // broadcast; not 0 is 1
  CHECK(mse(a, b, {.reduction = Reduction::sum}).item() == 29);
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const auto op = [&](const auto& in) { return mse(in[0], in[1], {.reduction = r, .mask = mask}); };
    gradcheck(op, {a, b});
    gradgradcheck(op, {a, b});
  }
}

TEST_CASE(
    "binary_cross_entropy_with_logits: pos_weight weighs the positive part, and the mean does not divide by "
    "it") {
  const auto x = values({2, 3}, {0, 1, -1, 3, -3, 0.5}), t = values({2, 3}, {0, 1, 0.5, 0.25, 1, 0});
  const std::vector<double> w = {0.5, 3, 0};
  std::vector<double> expected;
  double total = 0;
  for (std::size_t k = 0; k < 6; ++k) {
    const double v = list(x)[k], u = list(t)[k];
    expected.push_back(w[k % 3] * u * std::log1p(std::exp(-v)) + (1 - u) * std::log1p(std::exp(v)));
    total += expected.back();
  }
  const auto loss = [&](Reduction r, const std::vector<double>& weights) {
    return list(binary_cross_entropy_with_logits(x, t, {.reduction = r, .pos_weight = weights}));
  };
  // A few roundings.
  CHECK(distance(loss(Reduction::none, w), expected) < 1e-14);
  CHECK(distance(loss(Reduction::mean, w), {total / 6}) < 1e-14);
  CHECK(distance(loss(Reduction::none, {3}), loss(Reduction::none, {3, 3, 3})) == 0);
  CHECK(distance(loss(Reduction::mean, {1}), list(binary_cross_entropy_with_logits(x, t))) < 1e-15);
  const Variable<double> mask = values({2, 1}, {0, 1}).detach();
  CHECK(binary_cross_entropy_with_logits(x, t, {.pos_weight = w, .mask = mask}).item() ==
        doctest::Approx((expected[3] + expected[4] + expected[5]) / 3).epsilon(1e-14));
  for (Reduction r : {Reduction::mean, Reduction::sum, Reduction::none}) {
    const auto op = [&](const auto& in) {
      return binary_cross_entropy_with_logits(in[0], in[1], {.reduction = r, .pos_weight = w, .mask = mask});
    };
    gradcheck(op, {x, t});
    gradgradcheck(op, {x, t});
  }
}

TEST_CASE("losses: NaN and infinity under a mask show neither in the value nor in a gradient") {
  const double nan = std::nan("");
  const auto x = values({2, 2}, {nan, 1, infinity, nan}), t = values({2, 2}, {nan, 0, 0.5, infinity});
  const Variable<double> mask = values({2, 2}, {0, 1, 0, 0}).detach();
  const auto check_clean = [&](const auto& loss, double value, const std::vector<double>& slope) {
    CHECK(loss().item() == doctest::Approx(value).epsilon(1e-15));  // a few roundings
    for (const auto& input : {x, t}) {
      const auto first = gradient_of(loss(), input), recorded = recorded_gradient_of(loss(), input);
      for (std::size_t k : {0, 2, 3}) CHECK((first[k] == 0 && recorded[k] == 0));
    }
    CHECK(distance(gradient_of(loss(), x), slope) < 1e-15);
  };
  check_clean([&] { return mse(x, t, {.mask = mask}); }, 1, {0, 2, 0, 0});
  check_clean([&] { return binary_cross_entropy_with_logits(x, t, {.pos_weight = {2}, .mask = mask}); },
              std::log1p(std::exp(1.0)), {0, 1 / (1 + std::exp(-1.0)), 0, 0});
}

TEST_CASE("losses: a mask that leaves nothing has sum 0 and no mean, and one that does not fit is named") {
  const auto x = random_parameter({2, 3}, 12), t = random_parameter({2, 3}, 13, 0, 1);
  const Variable<double> none({2, 1}, 0.0);
  CHECK(mse(x, t, {.reduction = Reduction::sum, .mask = none}).item() == 0);
  CHECK(gradient_of(mse(x, t, {.reduction = Reduction::sum, .mask = none}), x) == std::vector<double>(6, 0));
  CHECK(message_of<UsageError>([&] { mse(x, t, {.mask = none}); }) ==
        "mse: the mask leaves no element, so no mean; take Reduction::sum");
  CHECK_THROWS_AS(binary_cross_entropy_with_logits(x, t, {.mask = none}), UsageError);
  for (const Shape& wrong : {Shape{3, 1}, Shape{1, 2, 3}, Shape{2}})
    CHECK(message_of<ShapeError>([&] { mse(x, t, {.mask = Variable<double>(wrong, 1.0)}); }) ==
          "mse: need a mask that broadcasts to (2, 3); got " + wrong.str());
  CHECK(message_of<ShapeError>([&] {
          binary_cross_entropy_with_logits(x, t, {.pos_weight = {1, 2}});
        }) ==
        "binary_cross_entropy_with_logits: need one pos_weight, or one for each element of the last axis of "
        "(2, 3); got 2");
  CHECK(message_of<UsageError>([&] { binary_cross_entropy_with_logits(x, t, {.pos_weight = {-1}}); }) ==
        "binary_cross_entropy_with_logits: pos_weight must be finite and at least 0; got -1");
}

TEST_CASE("losses: under length_mask they are means over the steps of each sequence") {
  const auto y = random_parameter<float>({3, 2, 2}, 14), t = random_parameter<float>({3, 2, 2}, 15);
  const Indices lengths{3, 1};
  double total = 0;
  for (index_t s = 0; s < 3; ++s)
    for (index_t b = 0; b < 2; ++b)
      for (index_t k = 0; k < 2 && s < lengths[b]; ++k)
        total += std::pow(double{y.value()(s, b, k)} - double{t.value()(s, b, k)}, 2);
  const float loss = mse(y, t, {.mask = length_mask<float>(lengths, 3)}).item();
  CHECK(loss == doctest::Approx(total / 8).epsilon(1e-6));  // sums of eight floats
}
