#include "unroll/autograd/recompute.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/linear.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

V only(const std::function<V()>& f) {
  return recompute<double>([f] { return Vs{f()}; })[0];
}

}  // namespace

TEST_CASE("recompute: values and gradients are those of the function itself") {
  const V x = random_parameter({3, 4}, 1), w = random_parameter({4, 4}, 2), b = random_parameter({4}, 3);
  const auto f = [=] { return V(tanh(linear(tanh(linear(x, w, b)), w)) * x); };
  CHECK(list(only(f)) == list(f()));
  const Vs plain = grad<double>({sum(f())}, {x, w, b}), again = grad<double>({sum(only(f))}, {x, w, b});
  for (std::size_t k = 0; k < plain.size(); ++k) CHECK(list(plain[k]) == list(again[k]));
  gradcheck([&](const Vs&) { return only(f); }, {x, w, b});
}

TEST_CASE("recompute: gradients reach results, views and parameters outside, and chains of it") {
  const V x = random_parameter({4, 6}, 1), w = random_parameter({3, 3}, 2);
  gradcheck(
      [&](const Vs&) -> V {
        const V y = x * 2.0;  // a result of this tape
        const auto halves = chunk<2>(y);
        const V left = halves[0], right = halves[1];
        const V a = only([=] { return V(tanh(linear(left, w)) * right); });
        const V c = only([=] { return V(linear(a, w) + a); });
        return sum(c * c) + sum(y);
      },
      {x, w});
}

TEST_CASE("recompute: several results, one of them handed through and one without a gradient") {
  const V x = random_parameter({3}, 1), k({3}, 2.0);
  const auto run = [&] { return recompute<double>([=] { return Vs{x, V(x * k), k, V(exp(x))}; }); };
  CHECK_FALSE(run()[2].requires_grad());
  gradcheck(
      [&](const Vs&) -> V {
        const Vs r = run();
        return sum(r[0] * r[1]) + sum(r[2] * r[3]);
      },
      {x});
  // A result that nobody uses.
  gradcheck([&](const Vs&) -> V { return sum(run()[3]); }, {x});
}

TEST_CASE("recompute: inside itself, on a retained tape, under grad and with hooks") {
  const V x = random_parameter({3}, 1), w = random_parameter({3, 3}, 2);
  const auto nested = [&] {
    return only([=] {
      const V h = tanh(linear(x, w));
      return V(h * only([=] { return V(sin(linear(h, w))); }));
    });
  };
  gradcheck([&](const Vs&) { return nested(); }, {x, w});
  const V loss = sum(nested());
  loss.backward(true);
  const auto once = gradient_list(w);
  loss.backward();
  for (std::size_t i = 0; i < once.size(); ++i)  // each call of recompute adds its part by itself
    CHECK(gradient_list(w)[i] == doctest::Approx(2 * once[i]).epsilon(1e-14));
  V hooked = w.copy();
  hooked.requires_grad(true);
  int calls = 0;
  hooked.register_hook([&](const V& g) {
    ++calls;
    return V(g * 10.0);
  });
  sum(only([=] { return V(tanh(linear(x, hooked))); }) + only([=] { return V(linear(x, hooked)); }))
      .backward();
  CHECK(calls == 1);
  const V expected = grad<double>(sum(tanh(linear(x, w)) + linear(x, w)), w);
  for (std::size_t i = 0; i < 9; ++i)  // one product instead of two
    CHECK(gradient_list(hooked)[i] == doctest::Approx(10 * list(expected)[i]).epsilon(1e-13));
}

TEST_CASE("recompute: the tape keeps inputs and results only") {
  const V x = random_parameter({8}, 1);
  const auto live = tape_stats<double>().live;
  const auto in_use = pool_stats().in_use;
  V y = only([=] {
    V h = x;
    for (int k = 0; k < 1000; ++k) h = tanh(h * 1.01);
    return h;
  });
  CHECK(tape_stats<double>().live == live + 1);
  CHECK(pool_stats().in_use < in_use + 4096);  // 1,000 results of 8 numbers would be 64,000 bytes
  sum(y).backward();
  y = {};
  CHECK(tape_stats<double>().live == live);
  CHECK(gradient_list(x).size() == 8);
}

TEST_CASE("recompute: backward inside NoGrad, and forward inside it, which records nothing") {
  const V x = random_parameter({3}, 1);
  const V y = sum(only([=] { return V(x * x); }));
  const NoGrad off;
  CHECK_FALSE(only([=] { return V(x * x); }).requires_grad());
  y.backward();
  CHECK(gradient_list(x) == list(V(x * 2.0)));
}

TEST_CASE("recompute: a function that changes, throws or is empty is reported, and the tape stays usable") {
  const V x = random_parameter({4}, 1);
  int runs = 0;
  const auto f = [&](const std::function<V()>& second) {
    runs = 0;
    return recompute<double>([&runs, x, second] { return Vs{runs++ == 0 ? V(x * x) : second()}; })[0];
  };
  const V other = f([=] { return slice(x, 0, 0, 2); });
  CHECK(message_of<UsageError>([&] { sum(other).backward(); }) ==
        "recompute: result 1 was (4,) at first, and (2,) when the function ran again");
  runs = 0;
  const V more = recompute<double>([&] { return runs++ == 0 ? Vs{V(x * x)} : Vs{V(x), V(x)}; })[0];
  CHECK(message_of<UsageError>([&] { sum(more).backward(); }) ==
        "recompute: the function returned 1 results, and 2 when it ran again");
  const V thrown = f([]() -> V { throw std::runtime_error("no"); });
  CHECK_THROWS_AS(sum(thrown).backward(), std::runtime_error);
  CHECK_THROWS_AS(recompute<double>({}), UsageError);
  CHECK_THROWS_AS(recompute<double>([] { return Vs{V()}; }), UsageError);
  CHECK(message_of<UsageError>([&] {
          grad<double>(sum(only([=] { return V(x * x); })), x, {.create_graph = true});
        }).starts_with("grad: recompute has no second derivative"));
  V p = x.copy();
  p.requires_grad(true);
  const V stale = sum(only([=] { return V(p * p); }));
  p.update([](auto& v) { v *= 2.0; });
  CHECK_THROWS_AS(stale.backward(), UsageError);
  gradcheck([&](const Vs&) { return only([=] { return V(x * x); }); }, {x});
}
