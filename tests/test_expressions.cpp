#include <functional>
#include <vector>

#include "arrays.hpp"
#include "doctest/doctest.h"
#include "unroll/autograd/creation.hpp"
#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/norm.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/softmax.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

/// An op on a Variable, and the same op on an expression and on a linear of equal value.
struct Row {
  const char* name;
  std::function<V(const V&)> on_variable;
  std::function<V(const V&)> on_expression;        ///< of half the value
  std::function<V(const V&, const V&)> on_linear;  ///< of the value and the unit matrix
};

template <class F>
Row row(const char* name, F op) {
  return {name, [=](const V& x) -> V { return op(x); }, [=](const V& half) -> V { return op(half * 2); },
          [=](const V& x, const V& unit) -> V { return op(linear(x, unit)); }};
}

// Every op that takes an array; x is (4, 4).
std::vector<Row> rows() {
  using std::forward;
#define UNROLL_ROW(op, ...) \
  row(#op, [](auto&& x) -> V { return op(forward<decltype(x)>(x) __VA_OPT__(, ) __VA_ARGS__); })
  static const V w = full<double>({4, 4}, 0.5), b = arange<double>(4);
  std::vector<Row> all{UNROLL_ROW(sum),
                       UNROLL_ROW(sum, 0),
                       UNROLL_ROW(sum, {0, 1}, {.keepdims = true}),
                       UNROLL_ROW(mean, -1),
                       UNROLL_ROW(max, 0),
                       UNROLL_ROW(min, 1, {.keepdims = true}),
                       UNROLL_ROW(logsumexp, 1),
                       UNROLL_ROW(norm, 1),
                       UNROLL_ROW(softmax),
                       UNROLL_ROW(log_softmax, 0),
                       UNROLL_ROW(layer_norm),
                       UNROLL_ROW(layer_norm, b, b * 2),
                       UNROLL_ROW(reshape, {-1, 8}),
                       UNROLL_ROW(reshape, Shape{2, 8}),
                       UNROLL_ROW(slice, 1, 1, 3),
                       UNROLL_ROW(select, 0, 2),
                       UNROLL_ROW(dense),
                       UNROLL_ROW(permute, {1, 0}),
                       UNROLL_ROW(transpose),
                       UNROLL_ROW(transpose, 0, 1),
                       UNROLL_ROW(gather, Indices{3, 1}, 1),
                       UNROLL_ROW(scatter_add, Indices{0, 0, 1, 2}, 3),
                       UNROLL_ROW(embedding, Indices{1, 3}),
                       UNROLL_ROW(matmul, w),
                       UNROLL_ROW(matmul, w * 2),
                       UNROLL_ROW(linear, w),
                       UNROLL_ROW(linear, w * 2, b),
                       UNROLL_ROW(mse, w),
                       UNROLL_ROW(mse, w * 2),
                       UNROLL_ROW(binary_cross_entropy_with_logits, w),
                       UNROLL_ROW(cross_entropy, Indices{0, 1, 2, 3}),
                       UNROLL_ROW(dropout, 0.5, RandomKey{1}),
                       UNROLL_ROW(tanh),
                       UNROLL_ROW(maximum, w)};
#undef UNROLL_ROW
  all.push_back(row("chunk<2>", [](auto&& x) -> V { return chunk<2>(forward<decltype(x)>(x))[1]; }));
  all.push_back(row("chunk", [](auto&& x) -> V { return chunk(forward<decltype(x)>(x), 2)[1]; }));
  all.push_back(row("unbind", [](auto&& x) -> V { return unbind(forward<decltype(x)>(x))[1]; }));
  all.push_back(row("concat", [](auto&& x) -> V { return concat<double>({forward<decltype(x)>(x), w}, 1); }));
  all.push_back(row("stack", [](auto&& x) -> V { return stack<double>({forward<decltype(x)>(x), w}); }));
  all.push_back(row("detach", [](auto&& x) -> V { return x.detach(); }));
  return all;
}

TEST_CASE("expressions: every op takes them as it takes Variables") {
  Generator rng(1);
  const V x = randn<double>({4, 4}, rng), half = x * 0.5, unit = V(xt::eye<double>(4));
  for (const Row& r : rows()) {
    CAPTURE(r.name);
    const V want = r.on_variable(x);
    CHECK(r.on_expression(half).value() == want.value());
    // A product by one, but in another order of sums.
    CHECK(distance(list(r.on_linear(x, unit)), list(want)) <= 1e-14);
  }
}

TEST_CASE("expressions: detach gives a constant of the value") {
  const V a = ones<double>({3}).requires_grad(true), b = full<double>({3}, 2);
  const V c = maximum(a, b).detach();
  CHECK(c.value() == b.value());
  CHECK_FALSE(c.requires_grad());
}

TEST_CASE("expressions: lists in braces are joined") {
  const V a = arange<double>(2), b = ones<double>({2});
  CHECK(concat({a, b}).value() == V::from({0, 1, 1, 1}).value());
  CHECK(stack({a, b}).shape() == Shape{2, 2});
}

}  // namespace
