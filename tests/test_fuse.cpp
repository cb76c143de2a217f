#include "unroll/autograd/fuse.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

// The element of x that broadcasting puts at `flat` of `shape`.
double at(const V& x, const Shape& shape, index_t flat) {
  index_t offset = 0, below = 1;
  for (int k = 0; k < shape.rank(); ++k) {
    const index_t i = flat % shape.back(k);
    flat /= shape.back(k);
    if (k < x.rank() && x.shape().back(k) > 1) offset += i * below;
    below *= x.shape().back(k);
  }
  return x.data()[offset];
}

}  // namespace

TEST_CASE("fuse: an expression is one node, whatever its size") {
  const V a = random_parameter({3, 4}, 1), b = random_parameter({4}, 2);
  const std::uint64_t before = tape_stats<double>().recorded;
  const V y = tanh(a * b + 1.0) / (2.0 + square(b)) - sigmoid(-a);
  CHECK(tape_stats<double>().recorded == before + 1);
  CHECK(y.shape() == Shape{3, 4});
}

TEST_CASE("fuse: an expression that is kept, copied and moved owns all it needs") {
  const auto made = [] {
    const V a = random_parameter({2, 1}, 1), b = random_parameter({1, 3}, 2);
    auto product = a * b;  // of a shape that neither has
    auto sum = product + 1.0;
    auto copy = sum;
    auto moved = std::move(sum);
    return std::tuple(copy, std::move(moved), std::move(product) * b);
  }();
  const V a = random_parameter({2, 1}, 1), b = random_parameter({1, 3}, 2);
  const V copy = std::get<0>(made), moved = std::get<1>(made), nested = std::get<2>(made);
  CHECK(copy.shape() == Shape{2, 3});
  CHECK(list(copy) == list(V(a * b + 1.0)));
  CHECK(list(moved) == list(copy));
  CHECK(list(nested) == list(V(a * b * b)));
}

TEST_CASE("fuse: every pattern of broadcasting, in value and gradient") {
  const std::vector<std::pair<Shape, Shape>> patterns = {{{3, 4}, {3, 4}},
                                                         {{3, 4}, {4}},
                                                         {{3, 4}, {1, 4}},
                                                         {{3, 4}, {3, 1}},
                                                         {{3, 1}, {1, 4}},
                                                         {{3, 4}, {}},
                                                         {{3, 4}, {1, 1}},
                                                         {{1}, {}},
                                                         {{}, {}},
                                                         {{2, 3, 4}, {3, 1}},
                                                         {{2, 1, 4}, {3, 1}},
                                                         {{2, 3, 4}, {2, 1, 1}},
                                                         {{5, 1, 3, 1, 2}, {4, 1, 7, 1}},
                                                         {{0, 4}, {4}},
                                                         {{3, 0}, {3, 1}},
                                                         {{1, 4}, {0, 1}},
                                                         {{2, 40}, {40}},
                                                         {{40, 2}, {40, 1}},
                                                         {{3, 37}, {3, 1}},
                                                         {{1, 1, 1}, {37}}};
  for (const auto& pattern : patterns) {
    const Shape &sa = pattern.first, &sb = pattern.second;
    for (bool swap : {false, true}) {
      CAPTURE(sa.str());
      CAPTURE(sb.str());
      const V a = random_parameter(swap ? sb : sa, 1), b = random_parameter(swap ? sa : sb, 2);
      const V y = a * b + a;
      const Shape shape = broadcast("test", a.shape(), b.shape());
      CHECK(y.shape() == shape);
      for (index_t i = 0; i < y.size(); ++i) {
        const double x = at(a, shape, i);
        CHECK(std::abs(y.data()[i] - (x * at(b, shape, i) + x)) <= 1e-15);  // one rounding: fma or not
      }
      gradcheck([](const Vs& in) { return in[0] * in[1] + tanh(in[0]); }, {a, b});
    }
  }
}

TEST_CASE("fuse: numbers stand beside Variables of either type, on either side") {
  const Variable<float> x = row<float>({1, 2});
  const Variable<float> y = 2.0 * x + 1 - x / 4.0 + 3.0f;
  CHECK(list(y) == std::vector<double>{2 + 1 - 0.25 + 3, 4 + 1 - 0.5 + 3});
  CHECK(list(V(1 / row({4}) - 2)) == std::vector<double>{-1.75});
  CHECK(list(V(maximum(0.5, row({0, 1})))) == std::vector<double>{0.5, 1});
  CHECK(list(V(pow(row({3}), 2))) == std::vector<double>{9});
  CHECK(list(V(pow(2, row({3})))) == std::vector<double>{8});
  CHECK(list(V(where(row({0, 1}) > 0.5, 7, row({1, 2})))) == std::vector<double>{1, 7});
  CHECK(list(V(lerp(row({0}), 10, 0.25))) == std::vector<double>{2.5});
  CHECK(list(V(2 > row({1, 3}))) == std::vector<double>{1, 0});
  CHECK(list(V(row({1, 3}) <= 1)) == std::vector<double>{1, 0});
}

TEST_CASE("fuse: auto keeps an expression and its inputs alive") {
  const auto make = [] {
    const V a = row({1, 2}), b = row({3, 4});
    return a * b + 1.0;
  };
  auto e = make();
  const V y = e;
  CHECK(list(y) == std::vector<double>{4, 9});
  const auto f = tanh(V(row({0})) * 2.0) + 1.0;
  CHECK(V(f).item() == 1);
}

TEST_CASE("fuse: an expression used twice gives both gradients") {
  const V a = random_parameter({2, 3}, 1), b = random_parameter({3}, 2);
  gradcheck(
      [](const Vs& in) {
        auto e = in[0] * in[1];
        const V y = tanh(e), z = e * e;
        return V(y + z * e);
      },
      {a, b});
  auto e = a * b;
  CHECK(list(V(e + e)) == list(V(2.0 * e)));
}

TEST_CASE("fuse: a lambda that returns an expression") {
  const V x = random_parameter({2, 3}, 1), w = random_parameter({3}, 2);
  const auto gate = [](const auto& a, const auto& b) { return sigmoid(a * b) + 1.0; };
  const V y = tanh(gate(x, w)) * gate(w, x);
  const V expected = tanh(sigmoid(x * w) + 1.0) * (sigmoid(w * x) + 1.0);
  CHECK(list(y) == list(expected));
  gradcheck([&](const Vs& in) { return gate(in[0], in[1]) * in[0]; }, {x, w});
}

TEST_CASE("fuse: the lambda form equals the expression form, with shared parts") {
  const V a = random_parameter({3, 5}, 1), b = random_parameter({5}, 2);
  const V y = fuse(
      [](auto u, auto v) {
        auto w = tanh(u * v);
        return w * w + w / (2.0 + square(v));
      },
      a, b);
  const V w = tanh(a * b);
  CHECK(distance(list(y), list(V(w * w + w / (2.0 + square(b))))) < 1e-15);  // fused multiply-adds differ
  gradcheck(
      [](const Vs& in) {
        return fuse(
            [](auto u, auto v) {
              auto t = tanh(u * v);
              return t * t + t / (2.0 + square(v));
            },
            in[0], in[1]);
      },
      {a, b});
}

TEST_CASE("fuse: several outputs, also where one is never read") {
  const V f = random_parameter({2, 9}, 1), c = random_parameter({2, 9}, 2), o = random_parameter({9}, 3);
  const auto cell = [](auto gate, auto state, auto out) {
    auto c2 = sigmoid(gate) * state + tanh(gate);
    return std::tuple(c2, sigmoid(out) * tanh(c2), out * 1.0);
  };
  gradcheck([&](const Vs& in) { return fuse(cell, in[0], in[1], in[2]); }, {f, c, o});
  gradgradcheck([&](const Vs& in) { return fuse(cell, in[0], in[1], in[2]); }, {f, c, o});
  gradcheck([&](const Vs& in) { return fuse(cell, in[0], in[1], in[2])[1]; }, {f, c, o});
  gradcheck([&](const Vs& in) { return fuse(cell, in[0], in[1], in[2])[2]; }, {f, c, o});
  gradgradcheck([&](const Vs& in) { return fuse(cell, in[0], in[1], in[2])[1]; }, {f, c, o});
  const auto [c2, h2, copy] = fuse(cell, f, c, o);
  CHECK(copy.shape() == Shape{2, 9});
  CHECK(h2.shape() == Shape{2, 9});
}

TEST_CASE("fuse: a lambda may give back an argument, a number, or ignore one") {
  const V a = random_parameter({2, 3}, 1), b = random_parameter({3}, 2);
  const auto [x, one] = fuse([](auto u, auto) { return std::tuple(u, 1.0); }, b, a);
  CHECK(list(x) ==
        std::vector<double>{list(b)[0], list(b)[1], list(b)[2], list(b)[0], list(b)[1], list(b)[2]});
  CHECK(list(one) == std::vector<double>(6, 1.0));
  gradcheck([](const Vs& in) { return fuse([](auto u, auto) { return u * 2.0; }, in[1], in[0]); }, {a, b});
  const V y = fuse([](auto u, auto v) { return u + v; }, a, 2.0);
  CHECK(list(y) == list(V(a + 2.0)));
}

TEST_CASE("fuse: arguments may be expressions, linear and views") {
  const V a = random_parameter({2, 6}, 1), w = random_parameter({3, 6}, 2);
  gradcheck(
      [](const Vs& in) {
        auto [left, right] = chunk<2>(in[0]);
        return fuse([](auto l, auto r, auto p, auto e) { return l * r + p * tanh(e); }, left, right,
                    linear(in[0], in[1]), left - right);
      },
      {a, w});
}

TEST_CASE("fuse: one input named several times in an expression gets the sum") {
  const V a = random_parameter({2, 19}, 1), s = random_parameter({}, 2);
  gradcheck([](const Vs& in) { return in[0] * in[0] * in[0] + in[1] * in[1] * in[0] - in[1]; }, {a, s});
  gradgradcheck([](const Vs& in) { return in[0] * in[0] * in[0] + in[1] * in[1] * in[0] - in[1]; }, {a, s});
}

TEST_CASE("fuse: second derivatives through broadcasting and views") {
  const V a = random_parameter({3, 4}, 1), b = random_parameter({4}, 2), c = random_parameter({3, 1}, 3);
  gradgradcheck([](const Vs& in) { return tanh(in[0] * in[1]) / (2.0 + square(in[2])); }, {a, b, c});
  gradgradcheck([](const Vs& in) { return chunk<2>(in[0])[0] * chunk<2>(in[0])[1] * in[2]; }, {a, b, c});
}

TEST_CASE("fuse: long rows, whose sums for broadcast inputs are taken in stretches") {
  const V a = random_parameter({2, 10000}, 1), s = random_parameter({2, 1}, 2), b = random_parameter({}, 3);
  const V y = a * s + b;
  sum(y).backward();
  for (index_t r = 0; r < 2; ++r) {
    double expected = 0;
    for (index_t j = 0; j < 10000; ++j) expected += a.data()[r * 10000 + j];
    CHECK(std::abs(gradient_list(s)[static_cast<std::size_t>(r)] - expected) < 1e-11);  // order of 1e4 terms
  }
  CHECK(gradient_list(b)[0] == 20000);
}

TEST_CASE("fuse: float32 sums for broadcast inputs do not drift") {
  const Variable<float> a(Shape{1 << 22}, 0.1f), s = values<float>({}, {1});
  sum(a * s).backward();
  const double expected = static_cast<double>(0.1f) * (1 << 22);
  CHECK(std::abs(gradient_list(s)[0] / expected - 1) <
        1.6e-5);  // 256 float additions to a partial sum, 6e-8 each
}

TEST_CASE("fuse: shapes are checked when the expression is built, and name the op") {
  const V a = random_parameter({3, 4}, 1), b = random_parameter({3}, 2);
  CHECK_THROWS_WITH_AS(a * b, "mul: shapes do not broadcast; got (3, 4) and (3,)", ShapeError);
  CHECK_THROWS_WITH_AS(tanh(a) - (b + 1.0), "sub: shapes do not broadcast; got (3, 4) and (3,)", ShapeError);
  CHECK_THROWS_AS(where(a, b, 1.0), ShapeError);
  CHECK_THROWS_WITH_AS(fuse([](auto u, auto v) { return u + v; }, a, b),
                       "fuse: shapes do not broadcast; got (3, 4) and (3,)", ShapeError);
  CHECK_THROWS_WITH_AS(a + V(), "add: an argument is an empty Variable; assign a value to it first",
                       UsageError);
  CHECK_THROWS_WITH_AS(fuse([](auto u) { return u; }, V()),
                       "fuse: argument 1 is an empty Variable; assign a value to it first", UsageError);
}

TEST_CASE("fuse: a product of extents that overflows is refused before anything is allocated") {
  const index_t huge = index_t{1} << 40;
  const std::size_t in_use = pool_stats().in_use;
  CHECK_THROWS_AS((V(Shape{huge, huge}, 0.0)), ShapeError);
  CHECK_THROWS_AS((V(Shape{huge, 1, huge}, 0.0)), ShapeError);
  CHECK_THROWS_AS((Shape{huge, 0}), ShapeError);
  CHECK_THROWS_AS((Shape{huge, 0, huge}), ShapeError);  // as in NumPy
  CHECK(pool_stats().in_use == in_use);
}

TEST_CASE("fuse: 64 inputs, some of which repeat elements") {
  std::vector<V> xs;
  for (int k = 0; k < 64; ++k) xs.push_back(random_parameter(k % 2 == 0 ? Shape{3, 5} : Shape{1, 5}, 7));
  const V y = [&]<std::size_t... K>(std::index_sequence<K...>) {
    return fuse([](auto... x) { return (x + ...); }, xs[K]...);
  }
  (std::make_index_sequence<64>{});
  CHECK(y.data()[7] == doctest::Approx(32 * xs[0].data()[7] + 32 * xs[1].data()[2]));
  sum(y).backward();
  CHECK(xs[62].grad().data()[14] == 1);
  CHECK(xs[63].grad().data()[4] == 3);
}
