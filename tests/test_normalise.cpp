#include "unroll/autograd/normalise.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// (x − μ) / √(σ² + eps), by the definition.
std::vector<double> reference(const std::vector<double>& x, std::size_t cols, double eps) {
  std::vector<double> y;
  for (std::size_t begin = 0; begin < x.size(); begin += cols) {
    double mean = 0, variance = 0;
    for (std::size_t j = 0; j < cols; ++j) mean += x[begin + j] / static_cast<double>(cols);
    for (std::size_t j = 0; j < cols; ++j)
      variance += (x[begin + j] - mean) * (x[begin + j] - mean) / static_cast<double>(cols);
    for (std::size_t j = 0; j < cols; ++j) y.push_back((x[begin + j] - mean) / std::sqrt(variance + eps));
  }
  return y;
}

}  // namespace

TEST_CASE_TEMPLATE("layer_norm: values equal the definition for rows of every length", T, float, double) {
  // Cancellation in x − μ: some roundings at the size of x.
  const double tolerance = 50 * std::numeric_limits<T>::epsilon();
  for (index_t cols : {1, 2, 7, 8, 16, 17, 33, 5000}) {
    const auto x = random_parameter<T>({3, cols}, 1, -2, 4);
    for (double eps : {1e-5, 0.5}) {
      CHECK(distance(list(layer_norm(x, {}, {}, eps)),
                     reference(list(x), static_cast<std::size_t>(cols), eps)) < tolerance);
    }
  }
}

TEST_CASE("layer_norm: scale and shift, each alone and both") {
  const auto x = random_parameter({2, 3, 5}, 2), g = random_parameter({5}, 3), b = random_parameter({5}, 4);
  const Variable hat = layer_norm(x);
  // The same product and sum, which the kernel may contract to one rounding.
  CHECK(distance(list(layer_norm(x, g, b)), list((hat * g + b).evaluate())) < 1e-15);
  CHECK(distance(list(layer_norm(x, g)), list((hat * g).evaluate())) < 1e-15);
  CHECK(distance(list(layer_norm(x, {}, b)), list((hat + b).evaluate())) < 1e-15);
}

TEST_CASE("layer_norm: gradients of first and second order") {
  for (const Shape& shape : {Shape{3, 4}, Shape{2, 2, 9}, Shape{5}, Shape{0, 3}, Shape{2, 0}}) {
    CAPTURE(shape.str());
    const index_t cols = shape.back(0);
    const auto x = random_parameter(shape, 5), g = random_parameter({cols}, 6),
               b = random_parameter({cols}, 7);
    const auto both = [](const auto& in) { return layer_norm(in[0], in[1], in[2], 1e-3); };
    gradcheck(both, {x, g, b});
    gradgradcheck(both, {x, g, b});
    gradcheck([](const auto& in) { return layer_norm(in[0]); }, {x});
    gradgradcheck([](const auto& in) { return layer_norm(in[0]); }, {x});
    gradcheck([](const auto& in) { return layer_norm(in[0], {}, in[1]); }, {x, b});
    gradcheck([](const auto& in) { return layer_norm(in[0], in[1]); }, {x.detach(), g});
  }
  gradcheck([](const auto& in) { return layer_norm(slice(in[0], 1, 1, 5), slice(in[1], 0, 2, 6)); },
            {random_parameter({3, 8}, 8), random_parameter({8}, 9)});
}

TEST_CASE_TEMPLATE("layer_norm: a constant row gives the shift, with a finite gradient", T, float, double) {
  const auto x = values<T>({1, 3}, {7, 7, 7});
  const Variable<T> y = layer_norm(x, row<T>({1, 2, 3}), row<T>({4, 5, 6}));
  CHECK(list(y) == std::vector<double>{4, 5, 6});
  y.backward(values<T>({1, 3}, {1, 0, 0}));
  for (double d : gradient_list(x)) CHECK(std::isfinite(d));
}

TEST_CASE("layer_norm: takes expressions, and refuses shapes that do not fit") {
  const auto x = random_parameter({2, 3}, 10), g = random_parameter({3}, 11);
  CHECK(list(layer_norm(x * 1.0, g, g)) == list(layer_norm(x, g, g)));
  CHECK(list(layer_norm(x * 1.0)) == list(layer_norm(x)));
  CHECK(message_of<ShapeError>([&] {
          layer_norm(x, row({1, 2}), g);
        }) == "layer_norm: need x (…, N), gamma (N,) and beta (N,); got x (2, 3), gamma (2,), beta (3,)");
  CHECK(message_of<ShapeError>([&] { layer_norm(x, {}, x); }) ==
        "layer_norm: need x (…, N), gamma (N,) and beta (N,); got x (2, 3), gamma none, beta (2, 3)");
  CHECK_THROWS_AS(layer_norm(Variable<double>(1.0)), ShapeError);
  CHECK(message_of<UsageError>([&] { layer_norm(x, {}, {}, -1); }) ==
        "layer_norm: eps must be at least 0; got -1");
  CHECK_THROWS_AS(layer_norm(Variable<double>()), UsageError);
}

TEST_CASE("layer_norm: rows whose squares overflow or vanish") {
  const auto check = [](auto type, double scale) {
    using T = decltype(type);
    CAPTURE(sizeof(T));
    CAPTURE(scale);
    const auto x = values<T>({1, 4}, {scale, 2 * scale, 3 * scale, 6 * scale});
    const auto y = list(layer_norm(x, {}, {}, 0));
    const double deviation = std::sqrt(3.5);  // of 1, 2, 3, 6
    const double want[] = {-2 / deviation, -1 / deviation, 0, 3 / deviation};
    for (std::size_t j = 0; j < 4; ++j) CHECK(y[j] == doctest::Approx(want[j]).epsilon(1e-5));
  };
  for (double scale : {1.0, 1e20, 1e30, 1e-20, 1e-25}) check(float{}, scale);
  for (double scale : {1e160, 1e300, 1e-160, 1e-290}) check(double{}, scale);
  const auto tiny = list(layer_norm(values<float>({1, 2}, {1e-30, -1e-30}), {}, {}, 1e-5));
  CHECK(tiny[0] == doctest::Approx(1e-30 / std::sqrt(1e-5)).epsilon(1e-4).scale(1e-40));
}

TEST_CASE("layer_norm, rms_norm, group_norm: recorded gradients of rows whose squares overflow or vanish") {
  const auto check = [](auto type, double scale, auto f) {
    using T = decltype(type);
    CAPTURE(sizeof(T));
    CAPTURE(scale);
    const auto x = values<T>({1, 4}, {scale, 2 * scale, 3 * scale, 6 * scale});
    const auto seed = values<T>({1, 4}, {1, 0, 0, 0}).detach();
    const auto g = list(grad<T>({f(x)}, {x}, {}, {seed})[0]);
    const auto recorded = list(grad<T>({f(x)}, {x}, {.create_graph = true}, {seed})[0]);
    for (std::size_t k = 0; k < 4; ++k) {
      CHECK(std::isfinite(g[k]));
      CHECK(recorded[k] * scale == doctest::Approx(g[k] * scale).epsilon(1e-4));
    }
    CHECK(std::abs(g[0] * scale) > 0.01);
  };
  const auto norms = [&](auto type, double scale) {
    using T = decltype(type);
    check(type, scale, [](const Variable<T>& x) { return layer_norm(x, {}, {}, 0); });
    check(type, scale, [](const Variable<T>& x) { return rms_norm(x, {}, 0.0); });
    check(type, scale, [](const Variable<T>& x) { return group_norm(x, 1, {}, {}, 0); });
  };
  for (double scale : {1.0, 1e20, 1e30, 1e-20, 1e-25}) norms(float{}, scale);
  for (double scale : {1e160, 1e300, 1e-160, 1e-290}) norms(double{}, scale);
}

TEST_CASE_TEMPLATE("rms_norm: values equal the definition for rows of every length", T, float, double) {
  for (index_t cols : {1, 2, 7, 8, 16, 17, 33, 5000}) {
    const auto x = random_parameter<T>({3, cols}, 1, -2, 4);
    std::vector<double> want;
    for (index_t r = 0; r < 3; ++r) {
      double square = 0;
      for (index_t j = 0; j < cols; ++j)
        square += std::pow(list(x)[static_cast<std::size_t>(r * cols + j)], 2);
      for (index_t j = 0; j < cols; ++j)
        want.push_back(list(x)[static_cast<std::size_t>(r * cols + j)] /
                       std::sqrt(square / static_cast<double>(cols) + 0.5));
    }
    // Some roundings.
    CHECK(distance(list(rms_norm(x, {}, 0.5)), want) < 10 * std::numeric_limits<T>::epsilon());
  }
}

TEST_CASE("rms_norm: rows whose squares overflow or vanish") {
  for (double scale : {1e20, 1e37, 1e-20, 1e-30}) {
    const auto y = list(rms_norm(values<float>({1, 2}, {3 * scale, 4 * scale}), {}, 0.0));
    CHECK(distance(y, {3 / std::sqrt(12.5), 4 / std::sqrt(12.5)}) < 1e-6);  // some roundings
  }
  for (double scale : {1e160, 1e300, 1e-160, 1e-300}) {
    const auto y = list(rms_norm(values({1, 2}, {3 * scale, 4 * scale}), {}, 0.0));
    CHECK(distance(y, {3 / std::sqrt(12.5), 4 / std::sqrt(12.5)}) < 1e-14);  // some roundings
  }
}

TEST_CASE("group_norm: one group is layer_norm, a group for each channel leaves the shift") {
  const auto x = random_parameter({3, 6}, 1), g = random_parameter({6}, 2), b = random_parameter({6}, 3);
  CHECK(list(group_norm(x, 1, g, b)) == list(layer_norm(x, g, b)));
  const auto y = list(group_norm(x, 6, g, b));
  for (std::size_t k = 0; k < y.size(); ++k) CHECK(y[k] == list(b)[k % 6]);
  CHECK(list(group_norm(x * 1.0, 2, g, b)) == list(group_norm(x, 2, g, b)));
  CHECK(list(rms_norm(x * 1.0, g)) == list(rms_norm(x, g)));
}

TEST_CASE("group_norm, rms_norm: idle groups leak nothing") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto x = values({1, 4}, {inf, 1, 3, 5});
  const auto seed = values({1, 4}, {0, 0, 1, 0}).detach();
  const auto bare = values({1, 4}, {1, 1, 3, 5});
  for (bool create_graph : {false, true}) {
    const GradOptions options{.create_graph = create_graph};
    const auto of = [&](const Variable<double>& v) {
      return list(grad<double>({group_norm(v, 2)}, {v}, options, {seed})[0]);
    };
    CHECK(of(x) == of(bare));
    const auto zero = values({1, 4}, {0, 0, 0, 0}).detach();
    CHECK(list(grad<double>({rms_norm(x)}, {x}, options, {zero})[0]) == std::vector<double>(4, 0));
  }
}
