#include "unroll/autograd/views.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <limits>
#include <numeric>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

// 0, 1, 2, …
V counting(const Shape& shape) {
  std::vector<double> elements(static_cast<std::size_t>(shape.size()));
  std::iota(elements.begin(), elements.end(), 0.0);
  return values(shape, elements);
}

// Through grad() and through backward(), into a leaf and into an intermediate result.
void check(const std::function<V(const V&)>& f, const Shape& shape) {
  const V x = random_parameter(shape, 11);
  gradcheck([&](const Vs& in) { return f(in[0]); }, {x});
  gradcheck([&](const Vs& in) { return f(V(in[0] * 2.0)); }, {x});
  const V g = grad(sum(f(x)), x);
  sum(f(x)).backward();
  CHECK(gradient_list(x) == list(g));
  gradgradcheck([&](const Vs& in) { return f(V(tanh(in[0]))); }, {x});
}

}  // namespace

TEST_CASE("views: chunk, unbind, slice, select and reshape give the elements that their names say") {
  const V x = counting({2, 6});
  CHECK(list(chunk(x, 3)[1]) == std::vector<double>{2, 3, 8, 9});
  CHECK(list(chunk<2>(x, 0)[1]) == std::vector<double>{6, 7, 8, 9, 10, 11});
  CHECK(chunk(x, 3)[1].shape() == Shape{2, 2});
  CHECK(list(unbind(x, 1)[5]) == std::vector<double>{5, 11});
  CHECK(unbind(x, 1).size() == 6);
  CHECK(unbind(x, 1)[5].shape() == Shape{2});
  CHECK(list(slice(x, 1, 1, -2)) == std::vector<double>{1, 2, 3, 7, 8, 9});
  CHECK(list(slice(x, -1, 1, to_end, 2)) == std::vector<double>{1, 3, 5, 7, 9, 11});
  CHECK(list(select(x, 0, -1)) == std::vector<double>{6, 7, 8, 9, 10, 11});
  CHECK(list(reshape(x, {3, -1})) == list(x));
  CHECK(reshape(x, {3, -1}).shape() == Shape{3, 4});
  CHECK(select(select(x, 0, 1), 0, 2).item() == 8);
}

TEST_CASE("views: they share the value of their parent") {
  const V x = counting({4, 6});
  CHECK(chunk(x, 2)[1].tensor()->data == x.data() + 3);
  CHECK(unbind(x)[2].data() == x.data() + 12);
  CHECK(reshape(x, {24}).data() == x.data());
  CHECK(reshape(slice(x, 0, 1, 3), {12}).data() == x.data() + 6);
  CHECK(slice(slice(x, 0, 1, 3), 1, 2, 4).tensor()->data == x.data() + 8);
}

TEST_CASE("views: empty parts have no elements and zero gradients") {
  const V x = random_parameter({2, 0, 3}, 1), y = random_parameter({2, 3}, 2);
  CHECK(chunk(x, 3)[0].shape() == Shape{2, 0, 1});
  CHECK(unbind(x, 1).empty());
  CHECK(slice(y, 1, 2, 2).shape() == Shape{2, 0});
  CHECK(slice(y, 1, 2, 1).shape() == Shape{2, 0});
  CHECK(reshape(x, {0, 7}).shape() == Shape{0, 7});
  V(sum(slice(y, 1, 2, 2)) + sum(chunk(x, 3)[0]) + sum(select(x, 0, 1))).backward();
  CHECK(gradient_list(y) == std::vector<double>(6, 0.0));
  CHECK(x.grad().size() == 0);
}

TEST_CASE("views: gradients of parts that cover the parent") {
  check(
      [](const V& x) {
        auto [a, b, c] = chunk<3>(x);
        return a * b + tanh(c);
      },
      {4, 6});
  check(
      [](const V& x) {
        const Vs rows = unbind(x);
        return rows[0] * rows[1] + rows[2];
      },
      {3, 5});
  check(
      [](const V& x) {
        const Vs columns = unbind(x, 1);
        return columns[0] * columns[3] + columns[1] / (2.0 + square(columns[2]));
      },
      {3, 4, 2});
}

TEST_CASE("views: an unread part has the gradient zero") {
  check([](const V& x) { return square(chunk(x, 3)[1]); }, {2, 6});
  check([](const V& x) { return square(unbind(x, 1)[2]); }, {2, 4, 3});
  check([](const V& x) { return square(slice(x, 0, 1, 2)); }, {3, 2});
  check([](const V& x) { return square(select(x, 0, 4)); }, {7, 2});
  check([](const V& x) { return square(select(x, 1, 2)); }, {2, 7, 3});
}

TEST_CASE("views: overlapping slices") {
  check([](const V& x) { return slice(x, 1, 0, 3) * slice(x, 1, 2, 5); }, {3, 5});
  check([](const V& x) { return sum(slice(x, 0, 0, 2) * 2.0) + sum(square(slice(x, 0, 1, 3))); }, {3, 5});
}

TEST_CASE("views: overlapping slices of which a part is left over behind the last SIMD block") {
  for (index_t n = 1; n <= 20; ++n) {
    const auto x = random_parameter({n + 2}, static_cast<std::uint64_t>(n));
    sum(slice(x, 0, 0, n) * slice(x, 0, 1, n + 1) + slice(x, 0, 2, n + 2)).backward();
    for (index_t i = 0; i < n + 2; ++i) {  // Σ xᵢ xᵢ₊₁ + xᵢ₊₂ over i < n
      const double left = i >= 1 && i <= n ? x.data()[i - 1] : 0, right = i < n ? x.data()[i + 1] : 0;
      CHECK(x.grad().data()[i] == doctest::Approx(left + right + (i >= 2)).epsilon(1e-14));
    }
  }
}

TEST_CASE("views: overlapping slices that one fused op reads and that span many SIMD blocks") {
  check([](const V& x) { return slice(x, 0, 0, 60) * slice(x, 0, 2, 62); }, {64});
  check([](const V& x) { return slice(x, 0, 2, 62) * slice(x, 0, 0, 60) * slice(x, 0, 4, 64); }, {64});
  check(  // beside all parts of another cut
      [](const V& x) {
        const auto [a, b, c] = chunk<3>(x, 0);
        return V(a * b * c + slice(x, 0, 10, 30));
      },
      {60});
}

TEST_CASE("views: an array and a broadcast part of it in one fused op") {
  check([](const V& x) { return x * slice(x, 0, 3, 4); }, {4, 9});
  check([](const V& x) { return slice(x, 0, 3, 4) * x; }, {4, 9});
  check([](const V& x) { return x * select(x, 0, 2) + slice(x, 1, 5, 6); }, {4, 9});
  check(
      [](const V& x) {
        return reshape(x, {9, 4}) * reshape(x, {9, 4}) + reshape(reshape(x, {36}), {9, 4});
      },
      {4, 9});
}

TEST_CASE("views: a slice beside its parent, before and after it") {
  check([](const V& x) { return sum(square(slice(x, 1, 1, 3))) + sum(tanh(x)); }, {3, 5});
  check([](const V& x) { return sum(tanh(x)) + sum(square(slice(x, 1, 1, 3))); }, {3, 5});
  check([](const V& x) { return concat<double>({x, slice(x, 0, 1, 2), square(x)}); }, {3, 5});
}

TEST_CASE("views: the same slice twice, as one handle and as two") {
  check(
      [](const V& x) {
        const V a = slice(x, 1, 1, 3);
        return a * a;
      },
      {3, 5});
  check([](const V& x) { return slice(x, 1, 1, 3) * slice(x, 1, 1, 3); }, {3, 5});
  check([](const V& x) { return slice(x, 0, 1, 3) * chunk(x, 2, 0)[0]; }, {4, 40});
}

TEST_CASE("views: a view of a view, read beside its parents") {
  check(
      [](const V& x) {
        const V a = slice(x, 1, 1, 5), b = slice(a, 1, 1, 3), c = slice(b, 0, 1, 3);
        return sum(square(c)) + sum(b * 3.0) + sum(a * a) + sum(select(b, 1, 0));
      },
      {4, 6});
  check(
      [](const V& x) {
        const V a = select(x, 1, 1), b = select(a, 0, 1), c = chunk(a, 2, 1)[1];
        return sum(square(b)) + sum(square(c));
      },
      {3, 2, 4});
  check(
      [](const V& x) {
        const V a = reshape(x, {2, 12}), b = chunk(a, 3)[1], c = slice(b, 1, 1, 3), d = reshape(c, {4});
        return sum(square(d)) + sum(c * c * c);
      },
      {4, 6});
  check([](const V& x) { return square(slice(select(chunk(x, 2, 2)[1], 0, 1), 0, 1, 3)); }, {2, 3, 4, 2});
}

TEST_CASE("views: every axis of a rank 5 array can be cut") {
  for (int axis = 0; axis < 5; ++axis) {
    CAPTURE(axis);
    check([axis](const V& x) { return chunk(x, 2, axis)[1] * chunk(x, 2, axis)[0]; }, {2, 2, 2, 2, 2});
    check([axis](const V& x) { return square(select(x, axis, 1)); }, {2, 3, 2, 3, 2});
    check([axis](const V& x) { return square(chunk(slice(x, axis, 0, 2), 2, 4 - axis)[1]); },
          {4, 2, 2, 2, 4});
  }
}

TEST_CASE("views: a broadcast leaf used twice") {
  const V x = random_parameter({3, 4}, 1), b = random_parameter({4}, 2), s = random_parameter({}, 3);
  gradcheck([](const Vs& in) { return in[0] * in[1] + tanh(in[1]) * in[2] + in[2]; }, {x, b, s});
  gradcheck([](const Vs& in) { return V(in[0] + in[1]) * V(in[0] * in[1]) * in[2]; }, {x, b, s});
}

TEST_CASE("views: a retained gradient of a view is its own, not its parent's") {
  const V leaf = random_parameter({3, 5}, 1);
  for (int order = 0; order < 2; ++order) {
    const V x = leaf * 2.0;
    V a, y;
    if (order == 0) {
      a = slice(x, 1, 1, 3).retain_grad();
      y = sum(square(a)) + sum(tanh(x)) + sum(slice(x, 1, 2, 4));
    } else {
      const V t = sum(tanh(x)) + sum(slice(x, 1, 2, 4));
      a = slice(x, 1, 1, 3).retain_grad();
      y = sum(square(a)) + t;
    }
    const V whole = grad(y, leaf, {.retain_graph = true});
    y.backward();
    CHECK(gradient_list(a) == list(V(2.0 * a.detach())));
    CHECK(gradient_list(leaf) == list(whole));
    V(leaf).zero_grad();
  }
}

TEST_CASE("views: grad() with respect to views, nested ones too, gives each its own gradient") {
  const V x = random_parameter({4, 6}, 1);
  const V a = slice(x, 1, 1, 5), b = slice(a, 1, 1, 3), c = slice(b, 0, 1, 3);
  const V y = sum(square(c)) + sum(b * 3.0) + sum(a * a) + sum(tanh(x));
  for (bool graph : {false, true}) {
    const Vs g = grad<double>({y}, {c, b, a, x}, {.retain_graph = true, .create_graph = graph});
    const V dc = 2.0 * c.detach();
    CHECK(list(g[0]) == list(dc));
    V db = V(b.shape(), 3.0);
    for (index_t r = 1; r < 3; ++r)
      for (index_t k = 0; k < 2; ++k) db.mutable_data()[r * 2 + k] += dc.data()[(r - 1) * 2 + k];
    CHECK(list(g[1]) == list(db));
    // y as a function of a alone, of x alone.
    const V a2 = a.copy().requires_grad(true), x2 = x.copy().requires_grad(true);
    const V b2 = slice(a2, 1, 1, 3);
    V(sum(square(slice(b2, 0, 1, 3))) + sum(b2 * 3.0) + sum(a2 * a2)).backward();
    CHECK(distance(list(g[2]), gradient_list(a2)) < 1e-15);  // two orders of the same few sums
    const V a3 = slice(x2, 1, 1, 5), b3 = slice(a3, 1, 1, 3);
    V(sum(square(slice(b3, 0, 1, 3))) + sum(b3 * 3.0) + sum(a3 * a3) + sum(tanh(x2))).backward();
    CHECK(distance(list(g[3]), gradient_list(x2)) < 1e-15);
  }
  CHECK_FALSE(x.has_grad());
}

TEST_CASE("views: a hook on a view sees and replaces the view's gradient only") {
  const V leaf = random_parameter({2, 6}, 1);
  const V x = leaf * 1.0;
  V part = chunk(x, 3)[1];
  std::vector<double> seen;
  part.register_hook([&](const V& g) {
    seen = list(g);
    return V(g * 10.0);
  });
  V(sum(square(part)) + sum(x * 3.0)).backward();
  CHECK(seen == list(V(2.0 * part.detach())));
  std::vector<double> expected(12, 3.0);
  for (index_t r = 0; r < 2; ++r)
    for (index_t k = 2; k < 4; ++k)
      expected[static_cast<std::size_t>(r * 6 + k)] += 20 * leaf.data()[r * 6 + k];
  CHECK(distance(gradient_list(leaf), expected) < 1e-15);  // one rounding
}

TEST_CASE("views: a hook on a leaf runs where only its parts are read") {
  V x = random_parameter({4, 2}, 1);
  int calls = 0;
  x.register_hook([&](const V& g) {
    ++calls;
    CHECK(list(g) == std::vector<double>{0, 0, 2, 2, 1, 1, 0, 0});
    return V();
  });
  V(sum(slice(x, 0, 1, 2) * 2.0) + sum(select(x, 0, 2))).backward();
  CHECK(calls == 1);
}

TEST_CASE("views: views of views of constants can be read and computed with") {
  const V x = counting({3, 4}).detach();
  const V a = slice(slice(x, 1, 1, 4), 0, 1, 3);
  CHECK(list(a) == std::vector<double>{5, 6, 7, 9, 10, 11});
  CHECK(list(V(a * 2.0)) == std::vector<double>{10, 12, 14, 18, 20, 22});
  CHECK(list(reshape(a, {6})) == list(a));
  CHECK(list(chunk(a, 3)[1]) == std::vector<double>{6, 10});
}

TEST_CASE("views: an array without elements is cut into some parts, and not into any number") {
  const V x(Shape{0, index_t{1} << 30}, 0);
  CHECK(chunk(x, 3, 0).size() == 3);
  CHECK_THROWS_WITH_AS(chunk(x, std::numeric_limits<index_t>::max(), 0),
                       "chunk: (0, 1073741824) has no elements and is cut into at most 1048576 parts; got "
                       "9223372036854775807",
                       ShapeError);
  CHECK_THROWS_AS(chunk(x, index_t{1} << 30), ShapeError);
  CHECK_THROWS_AS(unbind(x, 1), ShapeError);
}

TEST_CASE("views: mistakes name the op, the axis and the shape") {
  const V x = counting({2, 6});
  CHECK_THROWS_WITH_AS(chunk(x, 4), "chunk: axis 1 of (2, 6) cannot be cut into 4 equal parts", ShapeError);
  CHECK_THROWS_AS(chunk(x, 0), ShapeError);
  CHECK_THROWS_WITH_AS(unbind(x, 2), "unbind: axis 2 is outside an array of rank 2", IndexError);
  CHECK_THROWS_WITH_AS(slice(x, 1, 0, 7), "slice: end 7 is outside axis 1 of (2, 6)", IndexError);
  CHECK_THROWS_WITH_AS(slice(x, 1, -7), "slice: begin -7 is outside axis 1 of (2, 6)", IndexError);
  CHECK_THROWS_AS(slice(x, 1, 0, 2, 0), IndexError);
  CHECK_THROWS_WITH_AS(select(x, 0, 2), "select: index 2 is outside axis 0 of (2, 6)", IndexError);
  CHECK_THROWS_WITH_AS(reshape(x, {5, 2}), "reshape: (2, 6) has 12 elements, (5, 2) has 10", ShapeError);
  CHECK_THROWS_WITH_AS(reshape(x, {-1, 5}), "reshape: (2, 6) has 12 elements, not a multiple of 5",
                       ShapeError);
  CHECK_THROWS_AS(reshape(x, {-1, -1}), ShapeError);
  CHECK_THROWS_AS(reshape(x, {-2, -6}), ShapeError);
  CHECK_THROWS_AS(unbind(select(select(x, 0, 0), 0, 0)), IndexError);
  CHECK_THROWS_WITH_AS(chunk(V(), 2), "chunk: argument 1 is an empty Variable; assign a value to it first",
                       UsageError);
}

TEST_CASE("views: parts made when asked for are views, and one whose reader overwrote it is computed again") {
  const V x = random_parameter({3, 2, 2}, 1), u = random_parameter({2, 2}, 2),
          w = random_parameter({2, 2}, 3);
  const auto run = [&](bool donate) {
    V projected = linear(x, w);
    detail::LazyUnbind<double> steps(std::move(projected));
    V h(Shape{2, 2}, 0.0);
    for (index_t t = 0; t < steps.count(); ++t) h = tanh(steps(t, donate) + linear(h, u));
    return V(sum(square(h)));
  };
  const Vs plain = grad<double>({run(false)}, {x, u, w}), donated = grad<double>({run(true)}, {x, u, w});
  for (std::size_t k = 0; k < 3; ++k) CHECK(distance(list(plain[k]), list(donated[k])) < 1e-14);  // same sums
  gradcheck([&](const Vs&) { return run(true); }, {x, u, w});

  detail::LazyUnbind<double> steps(linear(x, w));
  const std::vector<double> before = list(steps(1));
  V first = steps(1, true);
  CHECK(first.same_as(steps(1)));
}
