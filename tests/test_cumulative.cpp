#include "unroll/autograd/cumulative.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr CumulativeOptions each_option[] = {
    {}, {.exclusive = true}, {.reverse = true}, {.exclusive = true, .reverse = true}};

// The gradients by one pass and by a pass that is recorded.
std::vector<std::vector<double>> both_gradients(const Variable<double>& y, const Variable<double>& x,
                                                const Variable<double>& seed) {
  return {list(grad<double>({y}, {x}, {.create_graph = true}, {seed})[0]),
          list(grad<double>({y}, {x}, {}, {seed})[0])};
}

// d Σ seed_k y_k / d x_i for cumprod, by the definition: no division, one product for each pair.
std::vector<double> slopes_of_products(const std::vector<double>& x, const std::vector<double>& seed,
                                       const CumulativeOptions& options) {
  const auto takes = [&](std::size_t k, std::size_t j) {
    return j == k ? !options.exclusive : options.reverse ? j > k : j < k;
  };
  std::vector<double> slopes(x.size(), 0.0);
  for (std::size_t k = 0; k < x.size(); ++k) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      double product = takes(k, i) ? seed[k] : 0;
      for (std::size_t j = 0; j < x.size(); ++j)
        if (takes(k, j) && j != i) product *= x[j];
      slopes[i] += product;
    }
  }
  return slopes;
}

}  // namespace

TEST_CASE("cumsum, cumprod: values in both directions, with and without their own element") {
  const auto x = values({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(list(cumsum(x, 1)) == std::vector<double>{1, 3, 6, 4, 9, 15});
  CHECK(list(cumsum(x, 0)) == std::vector<double>{1, 2, 3, 5, 7, 9});
  CHECK(list(cumsum(x, -1, {.exclusive = true})) == std::vector<double>{0, 1, 3, 0, 4, 9});
  CHECK(list(cumsum(x, 1, {.reverse = true})) == std::vector<double>{6, 5, 3, 15, 11, 6});
  CHECK(list(cumprod(x, 1)) == std::vector<double>{1, 2, 6, 4, 20, 120});
  CHECK(list(cumprod(x, 1, {.exclusive = true, .reverse = true})) == std::vector<double>{6, 3, 1, 30, 6, 1});
  CHECK(list(cumsum(x * 2.0, 1)) == std::vector<double>{2, 6, 12, 8, 18, 30});
  CHECK(list(cumprod(x * 1.0, 0)) == list(cumprod(x, 0)));
}

TEST_CASE("cumprod: the gradient is right with no zero, one, two and nothing but zeros") {
  const std::vector<double> seed{1, -2, 0.5, 3};
  for (const std::vector<double>& elements : {std::vector<double>{2, -3, 0.5, 4},
                                              {2, 0, 0.5, 4},
                                              {0, 3, 0.5, 4},
                                              {2, 3, 0.5, 0},
                                              {0, 3, 0, 4},
                                              {0, 0, 0, 0}}) {
    for (const CumulativeOptions& options : each_option) {
      const auto x = row(elements);
      const std::vector<double> want = slopes_of_products(elements, seed, options);
      // A few roundings of numbers below 100.
      for (const auto& got : both_gradients(cumprod(x, 0, options), x, row(seed)))
        CHECK(distance(got, want) < 1e-13);
      const auto op = [&](const auto& in) { return cumprod(in[0], 0, options); };
      gradcheck(op, {x});
      gradgradcheck(op, {x});
    }
  }
}

TEST_CASE("cumsum, cumprod: what no result with a gradient takes in gets none, not even NaN") {
  const double nan = std::nan("");
  for (double bad : {nan, std::numeric_limits<double>::infinity()}) {
    const auto x = row({2, 3, bad, 4});
    for (const auto& g : both_gradients(cumprod(x, 0), x, row({1, 1, 0, 0})))
      CHECK(g == std::vector<double>{4, 2, 0, 0});
    for (const auto& g : both_gradients(cumsum(x, 0), x, row({1, 1, 0, 0})))
      CHECK(g == std::vector<double>{2, 1, 0, 0});
    for (const auto& g : both_gradients(cumprod(x, 0, {.exclusive = true}), x, row({1, 1, 1, 0})))
      CHECK(g == std::vector<double>{4, 2, 0, 0});
  }
  CHECK(std::isnan(list(cumsum(row({1, nan, 2}), 0))[2]));
  CHECK(list(cumsum(row({1, nan, 2}), 0))[0] == 1);
}

TEST_CASE(
    "cumsum: a long float sum does not lose its last terms, along either kind of axis and in the gradient") {
#ifdef __SANITIZE_ADDRESS__
  constexpr index_t n = 300'000;
#else
  constexpr index_t n = 30'000'000;
#endif
  const double want = static_cast<double>(0.1f) * static_cast<double>(n);
  Variable<float> x({n, 1}, 0.1f);
  x.requires_grad(true);
  const Variable<float> y = cumsum(x, 0);
  CHECK(y.data()[n - 1] == doctest::Approx(want).epsilon(1e-6));
  y.backward(Variable<float>({n, 1}, 0.1f));
  CHECK(x.grad().data()[0] == doctest::Approx(want).epsilon(1e-6));
  const Variable<float> side_by_side({n / 2, 2}, 0.1f);
  const Variable<float> z = cumsum(side_by_side, 0);
  CHECK(z.data()[n - 1] == doctest::Approx(want / 2).epsilon(1e-6));
}

TEST_CASE("cumprod: a long float product is right to rounding, and passes through what float cannot hold") {
  constexpr index_t n = 1'000'000;
  const Variable<float> x({n}, 1.000001f);
  const double want = std::pow(static_cast<double>(1.000001f), static_cast<double>(n));
  CHECK(cumprod(x, 0).data()[n - 1] == doctest::Approx(want).epsilon(1e-6));
  // 1e60 is no float; the product of all is 1.
  CHECK(list(cumprod(row<float>({1e30, 1e30, 1e-30, 1e-30}), 0))[3] == doctest::Approx(1).epsilon(1e-6));
}

TEST_CASE("cumsum, cumprod: more lines side by side than are walked at once") {
  const auto x = random_parameter({3, 700}, 1);
  for (const CumulativeOptions& options : each_option) {
    const std::vector<double> sums = list(cumsum(x, 0, options)), products = list(cumprod(x, 0, options));
    for (index_t j = 0; j < 700; j += 99) {
      const Variable<double> line = select(x, 1, j);
      for (index_t k = 0; k < 3; ++k) {
        CHECK(sums[static_cast<std::size_t>(k * 700 + j)] ==
              list(cumsum(line, 0, options))[static_cast<std::size_t>(k)]);
        CHECK(products[static_cast<std::size_t>(k * 700 + j)] ==
              list(cumprod(line, 0, options))[static_cast<std::size_t>(k)]);
      }
    }
  }
}

TEST_CASE("cumsum, cumprod: arrays without elements cost nothing, however long their other axes are") {
  constexpr index_t huge = index_t{1} << 30;
  const Variable<double> none({huge, 0}, 0.0);
  for (int axis : {0, 1}) {
    CHECK(cumsum(none, axis).shape() == Shape{huge, 0});
    CHECK(cumprod(none, axis).shape() == Shape{huge, 0});
  }
}
