#include "unroll/autograd/linear_recurrence.hpp"

#include <doctest/doctest.h>

#include <complex>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Number = std::complex<double>;
using Numbers = std::vector<Number>;

/// The recurrence on plain numbers. `a` and `b` are functions of (t, r, c).
template <class A, class B>
std::pair<Numbers, Numbers> plain_recurrence(const Shape& s, A a, B b, Numbers state,
                                             const RecurrenceOptions& o) {
  const index_t time = s[0], rows = s[1], cols = s.size() / time / rows;
  Numbers h(static_cast<std::size_t>(s.size()));
  for (index_t r = 0; r < rows; ++r) {
    const index_t length = o.lengths.size() > 0 ? o.lengths[r] : time;
    for (index_t k = 0; k < length; ++k) {
      const index_t t = o.reverse ? length - 1 - k : k, begin = o.reverse ? t + 1 : t;
      const bool fresh = o.resets.size() > 0 && !(o.reverse && k == 0) && o.resets[begin * rows + r] != 0;
      for (index_t c = 0; c < cols; ++c) {
        Number& v = state[static_cast<std::size_t>(r * cols + c)];
        v = (fresh ? 0 : a(t, r, c) * v) + b(t, r, c);
        h[static_cast<std::size_t>((t * rows + r) * cols + c)] = v;
      }
    }
  }
  return {h, state};
}

Numbers numbers(const V& re, const V& im = {}) {
  Numbers x;
  for (index_t i = 0; i < re.size(); ++i) x.emplace_back(re.data()[i], im ? im.data()[i] : 0);
  return x;
}
std::vector<double> real(const Numbers& x) {
  std::vector<double> y;
  for (const Number& v : x) y.push_back(v.real());
  return y;
}
std::vector<double> imaginary(const Numbers& x) {
  std::vector<double> y;
  for (const Number& v : x) y.push_back(v.imag());
  return y;
}

/// The element (t, r, c) of x (T, R, C) under broadcasting.
auto element_of(const V& re, const V& im, const Shape& full) {
  return [re, im, full](index_t t, index_t r, index_t c) -> Number {
    index_t at = (t * full[1] + r) * full.product(2, full.rank()) + c, place = 0, stride = 1;
    for (int axis = full.rank() - 1, own = re.rank() - 1; own >= 0; --axis, --own) {
      const index_t i = at % full[axis];
      at /= full[axis];
      place += re.shape()[own] == 1 ? 0 : i * stride;
      stride *= re.shape()[own];
    }
    return {re.data()[place], im ? im.data()[place] : 0};
  };
}

const RecurrenceOptions ways[] = {
    {},
    {.reverse = true},
    {.lengths = {2, 0, 5}},
    {.reverse = true, .lengths = {2, 0, 5}},
    {.resets = Indices({5, 3}, {0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0})},
    {.reverse = true, .resets = Indices({5, 3}, {0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 1, 0, 0, 0})},
    {.lengths = {5, 4, 1}, .resets = Indices({5, 3}, {1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1})},
    {.reverse = true,
     .lengths = {5, 4, 1},
     .resets = Indices({5, 3}, {1, 0, 1, 0, 1, 1, 0, 0, 0, 1, 0, 1, 0, 0, 1})}};

/// Forms that a and b may have beside b (5, 3, …).
const std::pair<Shape, Shape> forms[] = {
    {{5, 3, 4}, {5, 3, 4}}, {{4}, {5, 3, 4}},       {{3, 4}, {5, 3, 4}},    {{1, 1, 4}, {5, 3, 4}},
    {{5, 1, 4}, {5, 3, 4}}, {{5, 3, 1}, {5, 3, 4}}, {{}, {5, 3, 4}},        {{5, 3, 4}, {4}},
    {{5, 3, 4}, {3, 4}},    {{5, 3}, {5, 3}},       {{2, 4}, {5, 3, 2, 4}}, {{3, 1, 4}, {5, 3, 2, 4}},
    {{1}, {5, 3, 1}},       {{5, 1, 1}, {5, 3, 17}}};

TEST_CASE("linear_recurrence: equals the plain loop in every form and way") {
  for (const auto& [shape_a, shape_b] : forms)
    for (const RecurrenceOptions& way : ways) {
      const Shape full = broadcast("test", shape_a, shape_b);
      CAPTURE(shape_a.str());
      CAPTURE(shape_b.str());
      const V a = random_parameter(shape_a, 1), b = random_parameter(shape_b, 2),
              h0 = random_parameter(full.without(0), 3);
      const auto [output, state] = linear_recurrence(a, b, h0, way);
      const auto [h, last] =
          plain_recurrence(full, element_of(a, {}, full), element_of(b, {}, full), numbers(h0), way);
      CHECK(output.shape() == full);
      // Five multiplications and additions of numbers of order 1.
      CHECK(distance(list(output), real(h)) < 1e-14);
      CHECK(distance(list(state), real(last)) < 1e-14);
    }
}

TEST_CASE("linear_recurrence: complex numbers as pairs equal the plain loop") {
  for (const auto& [shape_a, shape_b] : forms)
    for (const RecurrenceOptions& way : ways) {
      const Shape full = broadcast("test", shape_a, shape_b);
      CAPTURE(shape_a.str());
      const ComplexPair<double> a{random_parameter(shape_a, 1), random_parameter(shape_a, 4)},
          b{random_parameter(shape_b, 2), random_parameter(shape_b, 5)},
          h0{random_parameter(full.without(0), 3), random_parameter(full.without(0), 6)};
      const auto [output, state] = linear_recurrence(a, b, h0, way);
      const auto [h, last] = plain_recurrence(full, element_of(a.re, a.im, full),
                                              element_of(b.re, b.im, full), numbers(h0.re, h0.im), way);
      CHECK(distance(list(output.re), real(h)) < 1e-14);
      CHECK(distance(list(output.im), imaginary(h)) < 1e-14);
      CHECK(distance(list(state.re), real(last)) < 1e-14);
      CHECK(distance(list(state.im), imaginary(last)) < 1e-14);
    }
}

TEST_CASE("linear_recurrence: gradients of first and second order in every form and way") {
  for (const auto& [shape_a, shape_b] : forms)
    for (const RecurrenceOptions& way : ways) {
      const Shape full = broadcast("test", shape_a, shape_b);
      CAPTURE(shape_a.str());
      CAPTURE(shape_b.str());
      CAPTURE(way.reverse);
      const V a = random_parameter(shape_a, 1), b = random_parameter(shape_b, 2),
              h0 = random_parameter(full.without(0), 3);
      const auto f = [&](const std::vector<V>& in) {
        const auto [output, state] = linear_recurrence(in[0], in[1], in[2], way);
        return std::vector<V>{output, state};
      };
      gradcheck(f, {a, b, h0});
      gradgradcheck(f, {a, b, h0});
    }
}

TEST_CASE("linear_recurrence: gradients of one step, whose operands all steps or rows share") {
  for (const auto& [shape_a, shape_b] : {std::pair<Shape, Shape>{{4}, {1, 3, 4}},
                                         {{1, 1, 4}, {1, 3, 4}},
                                         {{3, 4}, {1, 3, 4}},
                                         {{1, 3, 4}, {4}},
                                         {{1}, {1, 1}}}) {
    const Shape full = broadcast("test", shape_a, shape_b);
    CAPTURE(shape_a.str());
    gradcheck(
        [](const std::vector<V>& in) { return linear_recurrence(in[0], in[1], in[2]).output; },
        {random_parameter(shape_a, 1), random_parameter(shape_b, 2), random_parameter(full.without(0), 3)},
        {.full = true});
  }
}

TEST_CASE("linear_recurrence: complex gradients of first and second order") {
  for (const auto& [shape_a, shape_b] :
       {std::pair<Shape, Shape>{{5, 3, 4}, {5, 3, 4}}, {{4}, {5, 3, 4}}, {{3, 4}, {5, 3, 4}}})
    for (const RecurrenceOptions& way : ways) {
      const Shape full = broadcast("test", shape_a, shape_b);
      std::vector<V> in = {random_parameter(shape_a, 1),         random_parameter(shape_a, 4),
                           random_parameter(shape_b, 2),         random_parameter(shape_b, 5),
                           random_parameter(full.without(0), 3), random_parameter(full.without(0), 6)};
      const auto f = [&](const std::vector<V>& x) {
        const auto [output, state] =
            linear_recurrence(ComplexPair<double>{x[0], x[1]}, ComplexPair<double>{x[2], x[3]},
                              ComplexPair<double>{x[4], x[5]}, way);
        return std::vector<V>{output.re, output.im, state.re, state.im};
      };
      gradcheck(f, in);
      gradgradcheck(f, in);
      // One part alone: the other's memory is still needed on the way back.
      gradcheck([&](const std::vector<V>& x) { return f(x)[1]; }, in);
    }
}

TEST_CASE("linear_recurrence: parts of wider arrays are read and their gradients written in place") {
  const V wide = random_parameter({5, 3, 8}, 1), long_ones = random_parameter({10, 3, 4}, 2),
          h0 = random_parameter({3, 4}, 3), outer = random_parameter({5, 2, 3, 4}, 4);
  const auto f = [](const std::vector<V>& in) {
    auto [a, b] = chunk<2>(in[0]);
    V h = linear_recurrence(a, b, in[2]).output;
    h = linear_recurrence(slice(in[1], 0, 5), h, in[2]).output;
    return linear_recurrence(select(in[3], 1, 1), h, in[2]).output;
  };
  const std::vector<V> in = {wide, long_ones, h0, outer};
  const auto [a, b] = chunk<2>(wide);
  CHECK(list(linear_recurrence(a, b, h0).output) ==
        list(linear_recurrence(a.detach() * 1.0, b.detach() * 1.0, h0).output));
  gradcheck(f, in, {.full = true});
  gradcheck([&](const std::vector<V>& x) { return f(x) + sum(x[0]) * f(x); }, in);
  // Operands that are one array, or parts of one another.
  const V square = random_parameter({4, 4}, 5);
  gradcheck([](const std::vector<V>& x) { return linear_recurrence(x[0], x[0], select(x[0], 0, 1)).output; },
            {square}, {.full = true});
  gradcheck(
      [](const std::vector<V>& x) {
        return linear_recurrence(slice(x[0], 0, 1), slice(x[0], 0, 0, 3), select(x[0], 0, 0)).output;
      },
      {square}, {.full = true});
  gradcheck(
      [](const std::vector<V>& x) {
        return linear_recurrence(reshape(x[0], {4, 4}), x[0], select(x[0], 1, 2)).output;
      },
      {square}, {.full = true});
}

TEST_CASE("linear_recurrence: the same bits for any number of threads, in float and double") {
  const auto check = [](auto type) {
    using T = decltype(type);
    const auto a = random_parameter<T>({40, 5, 1111}, 1), b = random_parameter<T>({40, 5, 1111}, 2),
               h0 = random_parameter<T>({5, 1111}, 3);
    const auto c = random_parameter<T>({1111}, 4);
    const auto run = [&](int threads) {
      const int before = num_threads();
      set_num_threads(threads);
      for (auto v : {a, b, h0, c}) v.zero_grad();
      const auto y = linear_recurrence(c, linear_recurrence(a, b, h0).output, h0).output;
      y.backward(y.detach());
      set_num_threads(before);
      std::vector<std::vector<double>> all = {list(y)};
      for (const auto& v : {a, b, h0, c}) all.push_back(gradient_list(v));
      return all;
    };
    const auto one = run(1);
    CHECK(run(2) == one);
    CHECK(run(3) == one);
  };
  check(1.0f);
  check(1.0);
}

TEST_CASE("linear_recurrence: gradients larger than the caches are those of small ones, bit for bit") {
  const auto check = [](auto type, index_t cols) {
    using T = decltype(type);
    const index_t steps = (index_t{1} << 25) / cols / static_cast<index_t>(sizeof(T)) + 3;
    const auto a = random_parameter<T>({steps, cols}, 1), b = random_parameter<T>({steps, cols}, 2),
               h0 = random_parameter<T>({cols}, 3);
    linear_recurrence(a, b, h0).output.backward(a.detach());
    const index_t few = 16;
    const auto part = [&](const Variable<T>& x) {
      return slice(x.detach(), -1, 0, few).copy().requires_grad(true);
    };
    const auto a2 = part(a), b2 = part(b), h2 = part(h0);
    linear_recurrence(a2, b2, h2).output.backward(a2.detach());
    for (const auto& [whole, own] : {std::pair{a, a2}, {b, b2}, {h0, h2}})
      CHECK(list(slice(Variable<T>(whole.grad()), -1, 0, few).copy()) == gradient_list(own));
  };
  check(1.0f, 1024);
  check(1.0f, 1031);
  check(1.0, 512);
}

TEST_CASE("linear_recurrence: no step, no element, one step") {
  const V h0 = random_parameter({3, 4}, 1);
  const auto none = linear_recurrence(V({0, 3, 4}, 0.0), V({0, 3, 4}, 0.0), h0);
  CHECK(none.output.shape() == Shape{0, 3, 4});
  CHECK(list(none.state) == list(h0));
  sum(none.state).backward();
  CHECK(gradient_list(h0) == std::vector<double>(12, 1.0));
  CHECK(linear_recurrence(V({5, 0, 4}, 0.0), V({5, 0, 4}, 0.0), V({0, 4}, 0.0)).output.shape() ==
        Shape{5, 0, 4});
  const auto one = linear_recurrence(V({1, 3, 4}, 2.0), V({1, 3, 4}, 1.0), V({3, 4}, 3.0));
  CHECK(list(one.state) == std::vector<double>(12, 7.0));
  CHECK(list(linear_recurrence(row({0.5}), row({1, 1, 1}), V(Shape{}, 0.0)).output) ==
        std::vector<double>{1, 1.5, 1.75});
}

TEST_CASE("linear_recurrence: infinity and NaN go where the equation sends them, and no further") {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  const Shape s{3, 2};
  const V b = values(s, {1, 1, 1, 1, 1, 1}), h0 = values({2}, {0, 1});
  CHECK(distance(list(linear_recurrence(values(s, {inf, 1, 1, 1, 1, 1}), b, h0).output),
                 {nan, 2, nan, 3, nan, 4}) == 0);
  CHECK(distance(list(linear_recurrence(values(s, {1, inf, 1, 1, 1, 0}), b, h0).output),
                 {1, inf, 2, inf, 3, nan}) == 0);
  // A reset forgets NaN, and what lies beyond a sequence's end is never read.
  const Indices resets({3, 2}, {0, 0, 1, 0, 0, 0});
  const V a = values(s, {nan, 1, nan, 1, 1, 1});
  const V h = linear_recurrence(a, b, h0, {.resets = resets}).output;
  CHECK(distance(list(h), {nan, 2, 1, 3, 2, 4}) == 0);
  const V padding = values(s, {1, 1, 1, 1, 1, nan});
  const V y = linear_recurrence(padding, padding, h0, {.lengths = {3, 2}}).output;
  CHECK(list(y) == std::vector<double>{1, 2, 2, 3, 3, 0});
  y.backward(V(s, 1.0));
  CHECK(gradient_list(padding)[5] == 0);
}

TEST_CASE("linear_recurrence: a long sum in float stays right") {
  const index_t T = 3'000'000;
  const auto a = values<float>({1}, {0}), b = values<float>({1}, {0.1}), h0 = values<float>({1}, {0});
  const auto h = linear_recurrence(a, b * Variable<float>({T, 1}, 1.0f), h0).output;
  h.backward(Variable<float>({T, 1}, 1e-6f));
  CHECK(b.grad()(0) == doctest::Approx(3.0).epsilon(1e-6));
  CHECK(a.grad()(0) == doctest::Approx(0.3).epsilon(1e-6));
}

TEST_CASE(
    "linear_recurrence: decays from 1e-30 to 1 over 100,000 steps neither overflow nor lose gradients") {
  const index_t T = 100'000;
  const auto check = [&](auto type) {
    using T_ = decltype(type);
    const auto a = values<T_>({6}, {1e-30, 1e-8, 0.1, 0.9, 0.99999, 1}),
               h0 = values<T_>({6}, {1, 1, 1, 1, 1, 1});
    const auto b = Variable<T_>({T, 6}, T_(1e-5)).requires_grad(true);
    const auto h = linear_recurrence(a, b, h0).output;
    h.backward(Variable<T_>({T, 6}, T_(1e-5)));
    for (const auto& v : {list(h), gradient_list(a), gradient_list(b), gradient_list(h0)})
      CHECK(std::all_of(v.begin(), v.end(), [](double x) { return std::isfinite(x); }));
  };
  check(1.0f);
  check(1.0);
}

TEST_CASE("linear_recurrence: names what does not fit") {
  const V a({5, 3, 4}, 1.0), h0({3, 4}, 0.0);
  CHECK(message_of<ShapeError>([&] { linear_recurrence(a, a, V({4}, 0.0)); }) ==
        "linear_recurrence: need a and b (T, …) and h0 (…); got a (5, 3, 4), b (5, 3, 4), h0 (4,)");
  CHECK_THROWS_AS(linear_recurrence(V({5, 2, 4}, 1.0), a, h0), ShapeError);
  CHECK(message_of<ShapeError>([&] {
          linear_recurrence(a, a, h0, {.lengths = {1, 2}});
        }) == "linear_recurrence: need a length for each of 3 sequences; got lengths (2,)");
  CHECK(message_of<IndexError>([&] {
          linear_recurrence(a, a, h0, {.lengths = {1, 6, 2}});
        }) == "linear_recurrence: need lengths from 0 to 5; got 6 for sequence 1");
  CHECK(message_of<ShapeError>([&] {
          linear_recurrence(a, a, h0, {.resets = {1, 2, 3}});
        }) == "linear_recurrence: need resets (5, 3); got (3,)");
  CHECK(message_of<ShapeError>([&] {
          linear_recurrence(V({5}, 1.0), V({5}, 1.0), V(Shape{}, 1.0), {.lengths = {1}});
        }) == "linear_recurrence: lengths and resets need b (T, B, …); got (5,)");
  CHECK(message_of<UsageError>([&] { linear_recurrence(a, V(), h0); }) ==
        "linear_recurrence: argument 2 is an empty Variable; assign a value to it first");
  CHECK(message_of<ShapeError>([&] {
          linear_recurrence(ComplexPair<double>{a, V({4}, 1.0)}, ComplexPair<double>{a, a},
                            ComplexPair<double>{h0, h0});
        }) == "linear_recurrence: need a real and an imaginary part of one shape; got (5, 3, 4) and (4,)");
  CHECK(linear_recurrence(a * 1.0, a * 1.0, h0 * 1.0).output.shape() == Shape{5, 3, 4});
}

}  // namespace
