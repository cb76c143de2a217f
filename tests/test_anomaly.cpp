#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

}  // namespace

TEST_CASE("anomaly mode: names the op inside a fused expression that made the first NaN") {
  const V x = row({1, -1});
  CHECK(list(V(log(x) * 2.0)).size() == 2);
  const AnomalyMode on;
  CHECK(message_of<UsageError>([&] { V(tanh(x) + log(x) * 2.0); }) ==
        "anomaly: log in add(tanh(x), mul(log(x), c)) made a bad value in an array (2,); look at its inputs");
  CHECK(message_of<UsageError>([&] {
          fuse([](auto a) { return std::tuple(a + 1.0, sqrt(a)); }, x);
        }).starts_with("anomaly: sqrt in "));
  CHECK_NOTHROW(V(log(x * x)));
}

TEST_CASE("anomaly mode: a NaN that an op was given is not blamed on it, but on the input") {
  const V x = row({1, std::nan("")}).set_name("prices");
  const AnomalyMode on;
  const auto said = [](auto&& f) { return message_of<UsageError>(f); };
  CHECK(said([&] { V(x * 2.0 + 1.0); }) ==
        "anomaly: input 1 prices (2,) of add(mul(x, c), c) holds a bad value, element 1; look at where it "
        "comes from");
  CHECK(said([&] { sum(x); }) ==
        "anomaly: input 1 prices (2,) of sum holds a bad value, element 1; look at where it comes from");
  const V w = values({1, 2}, {1, 1});
  CHECK(said([&] { linear(w, reshape(V(x), {1, 2})).evaluate(); }).starts_with("anomaly: input "));
  CHECK(said([&] { V(x * 2.0 + sqrt(row({-1, 1}))); }).starts_with("anomaly: sqrt in "));
  CHECK_NOTHROW(V(where(row({1, 0}), x, 0.0)));  // it does not come out
  CHECK_NOTHROW(select(x, 0, 0));
}

TEST_CASE("anomaly mode: array ops and infinities") {
  const V big = values({1, 1}, {1e200}), x = values({1, 1}, {0});
  CHECK_NOTHROW(matmul(big, big));
  {
    const AnomalyMode on;
    CHECK_NOTHROW(matmul(big, big));
    const V y = big * big;
    CHECK(message_of<UsageError>([&] { matmul(y, x); }).starts_with("anomaly: matmul made"));  // ∞ · 0
  }
  {
    const AnomalyMode on(true);
    CHECK(message_of<UsageError>([&] { matmul(big, big); }).starts_with("anomaly: matmul made a bad value"));
    CHECK(message_of<UsageError>([&] { linear(big, big).evaluate(); }).starts_with("anomaly: linear made"));
    CHECK(message_of<UsageError>([&] {
            sum(V(concat<double>({big * 1e108, big * 1e108})));
          }).starts_with("anomaly: sum made"));
  }
  CHECK_NOTHROW(matmul(big, big));
}

TEST_CASE("anomaly mode: the op whose backward makes a bad gradient is named, and the tape stays usable") {
  const V x = row({0, 1}).set_name("x");
  const AnomalyMode on(true);
  const V y = sum(sqrt(x));
  CHECK(message_of<UsageError>([&] { y.backward(); }) ==
        "anomaly: backward of sqrt(x) made a bad gradient of input 1 x (2,); look at the values there");
  V(x).zero_grad();
  sum(x * x).backward();
  CHECK(gradient_list(x) == std::vector<double>{0, 2});
}

// --- exceptions -----------------------------------------------------------------------------------------

TEST_CASE("exceptions: one thrown in the middle of a pass leaves the tape usable") {
  V w = random_parameter({3, 3}, 1), x = random_parameter({2, 6}, 2), b = random_parameter({3}, 3);
  bool fails = false;
  const auto loss = [&] {
    const auto [left, right] = chunk<2>(x);
    V h = tanh(linear(left, w, b));
    h.register_hook([&](const V&) -> V {
      if (fails) throw std::runtime_error("hook");
      return {};
    });
    h = h * right + slice(slice(x, 1, 1, 5), 1, 0, 3);
    return V(sum(square(linear(h, w, b))) + sum(square(chunk(x, 3)[1])));
  };
  loss().backward();
  const std::vector<double> gw = gradient_list(w), gx = gradient_list(x), gb = gradient_list(b);
  const std::size_t live = tape_stats<double>().live;
  for (int k = 0; k < 3; ++k) {
    for (V* p : {&w, &x, &b}) p->zero_grad();
    fails = true;
    CHECK_THROWS_WITH_AS(loss().backward(), "hook", std::runtime_error);
    CHECK_THROWS_AS(grad<double>({loss()}, {w, x}), std::runtime_error);
    CHECK_THROWS_AS(grad<double>({loss()}, {w, x}, {.create_graph = true}), std::runtime_error);
    CHECK(tape_stats<double>().live == live);
    fails = false;
    for (V* p : {&w, &x, &b}) p->zero_grad();
    loss().backward();
    CHECK(gradient_list(w) == gw);
    CHECK(gradient_list(x) == gx);
    CHECK(gradient_list(b) == gb);
  }
}

TEST_CASE("exceptions: a failing op records nothing") {
  const V x = random_parameter({2, 3}, 1), y = random_parameter({4, 5}, 2);
  const TapeStats before = tape_stats<double>();
  const std::size_t in_use = pool_stats().in_use;
  CHECK_THROWS_AS(V(x * y), ShapeError);
  CHECK_THROWS_AS(matmul(x, y), ShapeError);
  CHECK_THROWS_AS(linear(x, y).evaluate(), ShapeError);
  CHECK_THROWS_AS(concat<double>({x, y}), ShapeError);
  CHECK_THROWS_AS(sum(x, {2}), IndexError);
  CHECK_THROWS_AS(sum(x, {0, 0}), IndexError);
  CHECK_THROWS_AS(chunk(x, 4), ShapeError);
  CHECK_THROWS_AS(V(tanh(x) + x / (x - y)), ShapeError);
  CHECK(tape_stats<double>().recorded == before.recorded);
  CHECK(tape_stats<double>().live == before.live);
  CHECK(pool_stats().in_use == in_use);
}

TEST_CASE("exceptions: backward inside a hook is refused") {
  V x = row({1, 2});
  x.register_hook([](const V&) -> V {
    const V p = row({1});
    sum(p * p).backward();
    return {};
  });
  CHECK_THROWS_WITH_AS(sum(x * x).backward(),
                       "backward: called inside a backward pass; let that one end first", UsageError);
  const V y = row({3});
  sum(y * y).backward();
  CHECK(gradient_list(y) == std::vector<double>{6});
}
