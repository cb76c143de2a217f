/// \file Sums of very many terms: every reduction of the library is right to 1e-6, whatever axis it runs along.

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using F = Variable<float>;

// 0.1 is rounded the same way at each addition, ones are exact up to 2^24, and the last are of all sizes below 1.
enum class Terms { tenths, ones, random };
constexpr Terms all_terms[] = {Terms::tenths, Terms::ones, Terms::random};

// Ones: 2^24 floats are the most that one chain can count, so the sum has more terms. Tenths leave the right sum long before
// that (six millions in 64 chains by 5e-4). UNROLL_LONG_SUMS=30000000, as in ./dev check-all, asks for so many of each.
index_t terms([[maybe_unused]] Terms kind) {
  if (const char* wanted = std::getenv("UNROLL_LONG_SUMS")) return std::atoll(wanted);
#ifdef __SANITIZE_ADDRESS__
  return 300'000;  // the same code, in a fraction of the time
#else
  return kind == Terms::ones ? 20'000'000 : 6'000'000;
#endif
}

F filled(const Shape& shape, Terms kind) {
  auto x = F::uninitialised(shape);
  Random random(7);
  std::generate_n(x.mutable_data(), x.size(), [&] {
    return kind == Terms::ones     ? 1.0f
           : kind == Terms::tenths ? 0.1f
                                   : static_cast<float>(random.uniform(0, 1));
  });
  return x;
}
// What each column of (rows, cols) adds up to.
std::vector<double> column_sums(const F& x, index_t cols) {
  std::vector<double> sums(static_cast<std::size_t>(cols), 0.0);
  for (index_t i = 0; i < x.size(); ++i)
    sums[static_cast<std::size_t>(i % cols)] += static_cast<double>(x.data()[i]);
  return sums;
}
void check_close(const std::vector<double>& got, const std::vector<double>& want) {
  REQUIRE(got.size() == want.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(want[i]).epsilon(1e-6));
}

}  // namespace

TEST_CASE("long sums: along the first, the last and both outer axes") {
  for (const Terms kind : all_terms) {
    CAPTURE(static_cast<int>(kind));
    const F x = filled({terms(kind) / 2, 2}, kind);
    const std::vector<double> want = column_sums(x, 2);
    check_close(list(sum(x, 0)), want);
    check_close(list(mean(x, 0)), {want[0] / static_cast<double>(terms(kind) / 2),
                                   want[1] / static_cast<double>(terms(kind) / 2)});
    check_close(list(sum(x)), {want[0] + want[1]});
    check_close(list(sum(reshape(x, {-1, 50, 2}), {0, 1})), want);
    check_close(list(sum(reshape(x, {100, -1, 2}), {0, 1})), want);
    check_close(list(sum(transpose(x), 1)), want);
    check_close(list(sum(slice(x, 1, 0, 1))), {want[0]});
  }
}

TEST_CASE("long sums: an axis between two others, and two axes with one between them") {
  const F x = filled({4, terms(Terms::tenths) / 200, 50}, Terms::tenths);
  const double each = 0.1f * static_cast<double>(terms(Terms::tenths) / 200);
  check_close(list(sum(x, 1)), std::vector<double>(200, each));
  const F y = filled({1000, 3, terms(Terms::tenths) / 3000}, Terms::tenths);
  check_close(list(sum(y, {0, 2})),
              std::vector<double>(3, 0.1f * static_cast<double>(terms(Terms::tenths) / 3000) * 1000));
}

TEST_CASE("long sums: gradients of operands that are broadcast") {
  for (const Terms kind : all_terms) {
    CAPTURE(static_cast<int>(kind));
    const index_t rows = terms(kind) / 2;
    const F x = filled({rows, 2}, kind);
    const std::vector<double> want = column_sums(x, 2);
    const F b = values<float>({2}, {0, 0}), c = values<float>({}, {0}), row = values<float>({1, 2}, {1, 1});
    sum(x + b).backward();
    check_close(gradient_list(b), {static_cast<double>(rows), static_cast<double>(rows)});
    sum(x * c).backward();
    check_close(gradient_list(c), {want[0] + want[1]});
    sum(fuse([](auto a, auto r) { return a * r; }, x, row)).backward();
    check_close(gradient_list(row), want);
    const F second = grad(sum(x * square(row)), row, {.create_graph = true});
    check_close(list(grad(sum(second), row)), {2 * want[0], 2 * want[1]});
  }
}

TEST_CASE("long sums: gradients of weights and biases over many rows") {
  for (const Terms kind : all_terms) {
    CAPTURE(static_cast<int>(kind));
    const index_t rows = terms(kind) / 2;
    const F x = filled({rows, 2}, kind);
    const std::vector<double> want = column_sums(x, 2);
    const F w = values<float>({1, 2}, {0.5, 0.5}), b = values<float>({1}, {0});
    const F y = linear(x, w, b);
    sum(y).backward();
    check_close(gradient_list(w), want);
    check_close(gradient_list(b), {static_cast<double>(rows)});
    const F m = values<float>({2, 1}, {0.5, 0.5});
    sum(matmul(x, m)).backward();
    check_close(gradient_list(m), want);
  }
}

TEST_CASE("long sums: the inner sums of products") {
  for (const Terms kind : all_terms) {
    CAPTURE(static_cast<int>(kind));
    const F x = filled({1, terms(kind)}, kind), ones(Shape{terms(kind), 1}, 1.0f);
    check_close(list(matmul(x, ones)), {column_sums(x, 1)[0]});
    const F some = filled({1, terms(kind) / 10},
                          kind);  // a weight is packed for products with few rows: that takes memory
    const double want = column_sums(some, 1)[0];
    CHECK(linear(some, F(some.shape(), 1.0f)).evaluate().item() == doctest::Approx(want).epsilon(5e-6));
  }
  const F x = filled({70, 100'000}, Terms::random), w = filled({40, 100'000}, Terms::random);
  const F y = matmul(x, transpose(w)), z = linear(x, w), few = linear(slice(x, 0, 0, 3), w);
  for (index_t r : {0, 2, 69}) {
    double want = 0;
    for (index_t i = 0; i < 100'000; ++i)
      want +=
          static_cast<double>(x.data()[r * 100'000 + i]) * static_cast<double>(w.data()[39 * 100'000 + i]);
    CHECK(y.data()[r * 40 + 39] == doctest::Approx(want).epsilon(1e-6));
    CHECK(z.data()[r * 40 + 39] == doctest::Approx(want).epsilon(1e-6));
    if (r < 3) CHECK(few.data()[r * 40 + 39] == doctest::Approx(want).epsilon(1e-6));
  }
}

TEST_CASE("long sums: rows of a table that are looked up again and again") {
  const index_t count = terms(Terms::ones);
  std::vector<std::int64_t> which(static_cast<std::size_t>(count), 1);
  for (std::size_t i = 0; i < 20; ++i) which[i] = 0;
  const Indices indices(std::move(which));
  F table = values<float>({3, 1}, {1, 2, 3});
  sum(embedding(table, indices) * 0.1f).backward();
  check_close(gradient_list(table), {20 * 0.1f, 0.1f * static_cast<double>(count - 20), 0});
  check_close(list(scatter_add(filled({count, 1}, Terms::tenths), indices, 3)),
              {20 * 0.1f, 0.1f * static_cast<double>(count - 20), 0});
  const F w = values<float>({1, 1}, {1}), b = values<float>({1}, {0});
  table.zero_grad();
  sum(linear(embedding(table, indices), w, b).evaluate()).backward();
  check_close(gradient_list(table), {20, static_cast<double>(count - 20), 0});
  check_close(gradient_list(w), {20 + 2 * static_cast<double>(count - 20)});
  check_close(gradient_list(b), {static_cast<double>(count)});
}

TEST_CASE("long sums: norms, normalisation, softmax and losses") {
  const double n = static_cast<double>(terms(Terms::ones));
  const F x = filled({1, terms(Terms::ones)}, Terms::tenths);
  check_close(list(norm(x)), {0.1f * std::sqrt(n)});
  check_close(list(logsumexp(x)), {0.1f + std::log(n)});
  CHECK(softmax(x).data()[5] * n == doctest::Approx(1).epsilon(1e-6));
  check_close(list(mse(x, F(x.shape(), 0.0f))), {0.1f * 0.1f});
  const F m = max(F(values<float>({1, 1}, {2})) + F(x.shape(), 0.0f), -1);
  check_close(list(m), {2});
  const F g = values<float>({2}, {1, 1}), shift = values<float>({2}, {0, 0});
  const F y = layer_norm(reshape(filled({terms(Terms::ones)}, Terms::random), {-1, 2}), g, shift, 1e-5);
  double squares = 0;
  for (index_t i = 0; i < y.size(); i += 2)
    squares += static_cast<double>(y.data()[i]) * static_cast<double>(y.data()[i]);
  sum(y * y).backward();
  CHECK(gradient_list(g)[0] == doctest::Approx(2 * squares).epsilon(1e-6));
  sum(layer_norm(reshape(filled({terms(Terms::ones)}, Terms::tenths), {-1, 2}), g, shift, 1e-5)).backward();
  CHECK(gradient_list(shift)[1] == doctest::Approx(n / 2).epsilon(1e-3));
}
