#include "unroll/autograd/matmul.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// The definition, with the leading axes broadcast by xtensor.
xt::xarray<double> reference(const Variable<double>& a, const Variable<double>& b, const Shape& batch) {
  const index_t m = a.shape().back(1), k = a.shape().back(0), n = b.shape().back(0);
  std::vector<std::size_t> sa(batch.begin(), batch.end()), sb = sa, sy = sa;
  for (index_t e : {m, k}) sa.push_back(static_cast<std::size_t>(e));
  for (index_t e : {k, n}) sb.push_back(static_cast<std::size_t>(e));
  for (index_t e : {m, n}) sy.push_back(static_cast<std::size_t>(e));
  const xt::xarray<double> wide_a = xt::broadcast(a.value(), sa), wide_b = xt::broadcast(b.value(), sb);
  xt::xarray<double> y = xt::zeros<double>(sy);
  for (index_t c = 0; c < batch.size(); ++c)
    for (index_t i = 0; i < m; ++i)
      for (index_t j = 0; j < n; ++j)
        for (index_t p = 0; p < k; ++p)
          y.data()[(c * m + i) * n + j] +=
              wide_a.data()[(c * m + i) * k + p] * wide_b.data()[(c * k + p) * n + j];
  return y;
}

struct Case {
  Shape a, b, batch;
};
const Case cases[] = {
    {{3, 4}, {4, 2}, {}},
    {{5, 3, 4}, {4, 2}, {5}},
    {{3, 4}, {5, 4, 2}, {5}},
    {{5, 3, 4}, {5, 4, 2}, {5}},
    {{5, 3, 4}, {1, 4, 2}, {5}},
    {{1, 3, 4}, {5, 4, 2}, {5}},
    {{2, 1, 3, 4}, {5, 4, 2}, {2, 5}},
    {{2, 1, 1, 1, 4}, {3, 5, 4, 2}, {2, 3, 5}},
    {{2, 5, 1, 4}, {1, 1, 4, 1}, {2, 5}},
    {{1, 1}, {1, 1}, {}},
    {{0, 4}, {4, 2}, {}},
    {{3, 0}, {0, 2}, {}},
    {{0, 3, 4}, {4, 2}, {0}},
    {{0, 3, 4}, {1, 4, 2}, {0}},
};

}  // namespace

TEST_CASE("matmul: values equal the definition for every broadcast of leading axes") {
  for (const Case& c : cases) {
    CAPTURE(c.a.str());
    CAPTURE(c.b.str());
    const auto a = random_parameter(c.a, 1), b = random_parameter(c.b, 2);
    const Variable y = matmul(a, b);
    const xt::xarray<double> expected = reference(a, b, c.batch);
    CHECK(std::equal(y.shape().begin(), y.shape().end(), expected.shape().begin(), expected.shape().end()));
    // Sums of four products of numbers below 1, in another order.
    CHECK(distance(list(y), {expected.begin(), expected.end()}) < 1e-15);
  }
}

TEST_CASE("matmul: gradients of first and second order for every broadcast of leading axes") {
  for (const Case& c : cases) {
    CAPTURE(c.a.str());
    CAPTURE(c.b.str());
    const auto a = random_parameter(c.a, 3), b = random_parameter(c.b, 4);
    const auto op = [](const auto& in) { return matmul(in[0], in[1]); };
    gradcheck(op, {a, b});
    gradgradcheck(op, {a, b});
  }
}

TEST_CASE("matmul: gradients of slices, of one operand alone, and of a matrix times itself") {
  const auto a = random_parameter({2, 3, 6}, 5), b = random_parameter({2, 6, 6}, 6);
  gradcheck([](const auto& in) { return matmul(slice(in[0], 2, 1, 4), slice(in[1], 1, 0, 3)); }, {a, b});
  gradcheck([&](const auto& in) { return matmul(a.detach(), in[0]); }, {b});
  gradcheck([](const auto& in) { return matmul(in[0], matmul(in[0], in[0])); }, {b});
}

TEST_CASE("matmul: takes expressions, and refuses shapes that do not fit") {
  const auto a = random_parameter({2, 3}, 7), b = random_parameter({3, 2}, 8);
  CHECK(list(matmul(a * 1.0, b)) == list(matmul(a, b)));
  CHECK(list(matmul(a, b * 1.0)) == list(matmul(a, b)));
  CHECK(message_of<ShapeError>([&] { matmul(a, a); }) ==
        "matmul: need a (…, M, K) and b (…, K, N); got a (2, 3), b (2, 3)");
  CHECK_THROWS_AS(matmul(reshape(a, {6}), b), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          matmul(reshape(a, {2, 1, 3}), Variable<double>({3, 3, 2}, 0.0));
        }) == "matmul: shapes do not broadcast; got (2,) and (3,)");
  CHECK_THROWS_AS(matmul(a, Variable<double>()), UsageError);
}
