#include "unroll/autograd/solve_triangular.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// Random matrices with a diagonal away from 0.
Variable<double> solvable(const Shape& shape, std::uint64_t seed) {
  auto a = random_parameter(shape, seed);
  const index_t n = shape.back(0);
  for (index_t i = 0; i < a.size(); ++i)
    if (i % (n * n) % (n + 1) == 0) a.mutable_data()[i] += a.mutable_data()[i] < 0 ? -1 : 1;
  return a;
}

std::vector<SolveTriangularOptions> each_option() {
  std::vector<SolveTriangularOptions> all;
  for (bool upper : {false, true})
    for (bool unit : {false, true})
      for (bool transpose : {false, true}) all.push_back({upper, unit, transpose});
  return all;
}

/// a with what the options do not read replaced.
Variable<double> as_read(const Variable<double>& a, const SolveTriangularOptions& o) {
  auto to = Variable<double>::from(a.shape(), list(a));
  const index_t n = a.shape().back(0);
  for (index_t i = 0; i < a.size(); ++i) {
    const index_t r = i / n % n, c = i % n;
    if (r == c && o.unit_diagonal) to.mutable_data()[i] = 1;
    if (r != c && (c > r) != o.upper) to.mutable_data()[i] = 0;
  }
  return o.transpose ? transpose(to, -2, -1) : to;
}

}  // namespace

TEST_CASE("solve_triangular: a 2 × 2 system by hand") {
  const auto a = values({2, 2}, {2, 5, 3, 4}), b = values({2, 1}, {2, 11});
  CHECK(list(solve_triangular(a, b)) == std::vector<double>{1, 2});  // 2 x = 2, 3 x + 4 y = 11
  CHECK(list(solve_triangular(a, b, {.upper = true})) ==
        std::vector<double>{-5.875, 2.75});  // 4 y = 11, 2 x + 5 y = 2
  CHECK(list(solve_triangular(a, b, {.unit_diagonal = true})) ==
        std::vector<double>{2, 5});  // x = 2, 3 x + y = 11
  CHECK(list(solve_triangular(a, b, {.transpose = true})) ==
        std::vector<double>{-3.125, 2.75});  // 4 y = 11, 2 x + 3 y = 2
}

TEST_CASE("solve_triangular: the product with the triangle that is read gives b back") {
  for (const SolveTriangularOptions& o : each_option()) {
    for (const Shape& shape : {Shape{6, 6}, Shape{2, 3, 4, 4}, Shape{1, 1}, Shape{2, 0, 0}, Shape{0, 3, 3}}) {
      const auto a = solvable(shape, 1), b = random_parameter(shape.with(shape.rank() - 1, 5), 2);
      const auto x = solve_triangular(a, b, o);
      CHECK(distance(list(matmul(as_read(a, o), x)), list(b)) <
            1e-11);  // up to 6 substitutions with factors of some 10
    }
  }
}

TEST_CASE("solve_triangular: the other triangle, and with unit_diagonal the diagonal, is not read") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto a = values({2, 2}, {nan, nan, 3, nan}), b = values({2, 1}, {2, 11});
  const auto x = solve_triangular(a, b, {.unit_diagonal = true});
  CHECK(list(x) == std::vector<double>{2, 5});
  x.backward(values({2, 1}, {1, 1}));
  CHECK(gradient_list(a) == std::vector<double>{0, 0, -2, 0});
  CHECK(gradient_list(b) == std::vector<double>{-2, 1});
}

TEST_CASE("solve_triangular: gradients of first and second order") {
  for (const SolveTriangularOptions& o : each_option()) {
    const auto f = [&](const auto& in) { return solve_triangular(in[0], in[1], o); };
    const auto one = solvable({3, 3}, 3), many = solvable({2, 3, 3}, 4), b = random_parameter({2, 3, 2}, 5);
    for (const auto& a : {one, many}) {
      gradcheck(f, {a, b});
      gradgradcheck(f, {a, b});
    }
  }
}

TEST_CASE("solve_triangular: what does not fit and singular matrices are named") {
  const auto a = solvable({2, 3, 3}, 6), b = random_parameter({2, 3, 1}, 7);
  CHECK(message_of<ShapeError>([&] {
          solve_triangular(a, random_parameter({3, 3, 1}, 8));
        }) == "solve_triangular: need a (…, N, N) or (N, N) and b (…, N, M); got a (2, 3, 3), b (3, 3, 1)");
  CHECK(message_of<ShapeError>([&] { solve_triangular(b, b); }) ==
        "solve_triangular: need a (…, N, N) or (N, N) and b (…, N, M); got a (2, 3, 1), b (2, 3, 1)");
  auto singular = a;
  singular.mutable_data()[9 + 4] = 0;
  CHECK(message_of<UsageError>([&] { solve_triangular(singular, b); }) ==
        "solve_triangular: matrix 1 of a is singular: its diagonal has a 0 at 1; {.unit_diagonal = true} "
        "takes the diagonal for "
        "ones");
  CHECK(solve_triangular(singular, b, {.unit_diagonal = true}).shape() == Shape{2, 3, 1});
  CHECK_THROWS_AS(solve_triangular(a, Variable<double>()), UsageError);
}
