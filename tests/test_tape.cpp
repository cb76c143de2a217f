#include "autograd/tape.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <exception>
#include <thread>

#include "autograd/functions.hpp"
#include "autograd/gradcheck.hpp"
#include "autograd/join.hpp"
#include "autograd/matmul.hpp"
#include "autograd/reduce.hpp"
#include "autograd/views.hpp"
#include "tests/arrays.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

std::vector<double> times(const std::vector<double>& a, double factor) {
  std::vector<double> b = a;
  for (double& x : b) x *= factor;
  return b;
}

}  // namespace

TEST_CASE("tape: backward gives the gradient of a scalar, or of a weighted sum with a seed") {
  const V x = row({1, 2, 3});
  sum(x * x).backward();
  CHECK(gradient_list(x) == std::vector<double>{2, 4, 6});
  V(x).zero_grad();
  V(x * x).backward(row({1, 0, -1}));
  CHECK(gradient_list(x) == std::vector<double>{2, 0, -6});
}

TEST_CASE("tape: a leaf is its own gradient") {
  const V x = values({}, {3});
  x.backward();
  CHECK(gradient_list(x) == std::vector<double>{1});
  CHECK(grad(x, x).item() == 1);
}

// --- what a pass releases -------------------------------------------------------------------------------

TEST_CASE("release: a second, independent loss stays usable") {
  const V x = row({1, 2}), y = row({3, 4});
  const V first = sum(x * x), second = sum(y * y * x);
  first.backward();
  second.backward();
  CHECK(gradient_list(x) == std::vector<double>{2 + 9, 4 + 16});
  CHECK(gradient_list(y) == std::vector<double>{6, 16});
}

TEST_CASE("release: values stay readable, and recording them again names the remedy") {
  const V x = row({1, 2});
  const V y = x * 3.0;
  sum(y * y).backward();
  CHECK(list(y) == std::vector<double>{3, 6});
  CHECK_THROWS_WITH_AS(
      V(exp(y)),
      "exp: argument 1 (2,) is the result of mul(x, c), which an earlier backward has released; "
      "detach() it, or give that backward retain = true",
      UsageError);
  CHECK_THROWS_AS(sum(y), UsageError);
  CHECK_THROWS_AS(chunk(y, 2), UsageError);
  CHECK_THROWS_AS(matmul(reshape(y.detach(), {1, 2}), reshape(y, {2, 1})), UsageError);
  CHECK(list(V(y.detach() * 2.0)) == std::vector<double>{6, 12});
  const NoGrad off;
  CHECK(list(V(y * 2.0)) == std::vector<double>{6, 12});
}

TEST_CASE("release: running back twice throws, and works on a retained tape") {
  const V x = row({1, 2});
  const V y = sum(x * x);
  y.backward(true);
  y.backward(true);
  CHECK(gradient_list(x) == std::vector<double>{4, 8});
  y.backward();
  CHECK(gradient_list(x) == std::vector<double>{6, 12});
  CHECK_THROWS_WITH_AS(y.backward(),
                       "backward: sum was released by an earlier backward; give that one retain = true",
                       UsageError);
  CHECK(gradient_list(x) == std::vector<double>{6, 12});
}

TEST_CASE("release: a part shared with an earlier loss is reported before anything changes") {
  const V x = row({1, 2});
  const V shared = x * 3.0;
  const V first = sum(shared), second = sum(shared * shared);
  first.backward();
  const std::vector<double> before = gradient_list(x);
  CHECK_THROWS_AS(second.backward(), UsageError);
  CHECK(gradient_list(x) == before);
}

TEST_CASE("release: forward passes that never run back leave memory flat") {
  const V w = random_parameter({16, 16}, 1), b = random_parameter({16}, 2);
  const auto pass = [&] {
    V h(Shape{4, 16}, 0.5);
    for (int t = 0; t < 3; ++t) {
      h = tanh(linear(h, w, b));
      h = chunk<2>(h)[0] * slice(h, 1, 8, 16) + sum(h);
      h = concat<double>({h, h}, 1);
    }
    return h;
  };
  for (int k = 0; k < 10; ++k) pass();
  const PoolStats before = pool_stats();
  const std::size_t live = tape_stats<double>().live;
  for (int k = 0; k < 10000; ++k) pass();
  CHECK(pool_stats().in_use == before.in_use);
  CHECK(pool_stats().reserved == before.reserved);
  CHECK(tape_stats<double>().live == live);
}

TEST_CASE("release: backward frees the pass it ran, and only results that are held stay") {
  const V w = random_parameter({8, 8}, 1);
  const auto step = [&] {
    V h(Shape{2, 8}, 0.5);
    for (int t = 0; t < 5; ++t) h = tanh(linear(h, w));
    sum(square(h)).backward();
  };
  step();
  const std::size_t live = tape_stats<double>().live, in_use = pool_stats().in_use;
  step();
  CHECK(tape_stats<double>().live == live);
  CHECK(pool_stats().in_use == in_use);
}

TEST_CASE("release: a steady training step asks the system for nothing") {
  V w = random_parameter({32, 32}, 1), b = random_parameter({32}, 2);
  const auto step = [&] {
    V h(Shape{4, 32}, 0.5);
    for (int t = 0; t < 10; ++t) h = tanh(linear(h, w, b));
    sum(square(h)).backward();
    w.update([&](auto& value) { value -= 0.01 * w.grad(); });
    w.zero_grad();
    b.zero_grad();
  };
  for (int k = 0; k < 3; ++k) step();
  const PoolStats before = pool_stats();
  for (int k = 0; k < 20; ++k) step();
  CHECK(pool_stats().system_allocations == before.system_allocations);
  CHECK(pool_stats().in_use == before.in_use);
}

// --- versions -------------------------------------------------------------------------------------------

TEST_CASE("versions: a parameter that an op needs and that changed meanwhile is named with the op") {
  V w = row({1, 2}).set_name("cell.weight");
  const V x = row({3, 4});
  const V y = sum(x * w);
  w.update([](auto& value) { value(0) = 7; });
  CHECK_THROWS_WITH_AS(
      y.backward(),
      "backward: mul(x, x) needs input 2 cell.weight (2,) as it was, but update() has changed it since; call "
      "backward before the update, or compute the result again",
      UsageError);
  CHECK_FALSE(x.has_grad());
  sum(x * w).backward();
  CHECK(gradient_list(x) == std::vector<double>{7, 2});
}

TEST_CASE("versions: views, products and a detached alias notice the change, too") {
  V w = random_parameter({4, 4}, 1), x = random_parameter({2, 4}, 2);
  const V a = sum(square(chunk(w, 2)[0])), b = sum(matmul(x, w)), c = sum(linear(x, w));
  w.detach().update([](auto& value) { value(0, 0) += 1; });
  CHECK_THROWS_AS(a.backward(), UsageError);
  CHECK_THROWS_AS(b.backward(), UsageError);
  CHECK_THROWS_AS(c.backward(), UsageError);
}

TEST_CASE("versions: ops that do not read the changed value run back") {
  V w = random_parameter({2, 4}, 1), v = random_parameter({4}, 2), b = random_parameter({3}, 3);
  const V u = random_parameter({3, 4}, 4);
  const V y = sum(w) + sum(concat<double>({w, w})) + sum(chunk(w, 2)[0]) + sum(v * 2.0);
  const V z = sum(linear(v, u, b));
  w.update([](auto& value) { value += 1; });
  b.update([](auto& value) { value += 1; });
  y.backward();
  z.backward();
  CHECK(gradient_list(b) == std::vector<double>{1, 1, 1});
}

TEST_CASE("versions: a change inside update() that throws still counts") {
  V w = row({1, 2});
  const V y = sum(w * w);
  CHECK_THROWS_AS(w.update([](auto& value) {
    value(0) = 5;
    throw std::runtime_error("stop");
  }),
                  std::runtime_error);
  CHECK_THROWS_AS(y.backward(), UsageError);
}

// --- constants ------------------------------------------------------------------------------------------

TEST_CASE("no_grad: nothing is recorded inside, also when nested, and the scope ends with an exception") {
  const V x = row({1, 2});
  const std::uint64_t before = tape_stats<double>().recorded;
  try {
    const NoGrad off;
    {
      const NoGrad again;
      CHECK_FALSE(V(x * x).requires_grad());
    }
    CHECK_FALSE(V(x * x).requires_grad());
    CHECK_FALSE(chunk(x, 2)[0].requires_grad());
    throw std::runtime_error("leave");
  } catch (const std::runtime_error&) {
  }
  CHECK(tape_stats<double>().recorded == before);
  CHECK(V(x * x).requires_grad());
}

TEST_CASE("detach: cuts the gradient and shares the value") {
  const V x = row({1, 2});
  const V y = x * 2.0;
  sum(y.detach() * x).backward();
  CHECK(gradient_list(x) == std::vector<double>{2, 4});
  CHECK(y.detach().data() == y.data());
  CHECK_THROWS_WITH_AS(sum(y.detach()).backward(),
                       "backward: () does not depend on anything that requires a gradient; call "
                       "requires_grad(true) on the parameters, outside NoGrad",
                       UsageError);
}

// --- stored gradients -----------------------------------------------------------------------------------

TEST_CASE("gradients: two backward passes add up, zero_grad forgets") {
  V x = row({1, 2});
  CHECK_FALSE(x.has_grad());
  sum(x * x).backward();
  sum(x * 3.0).backward();
  CHECK(gradient_list(x) == std::vector<double>{5, 7});
  x.zero_grad();
  CHECK_FALSE(x.has_grad());
  CHECK_THROWS_AS(x.grad(), UsageError);
  sum(slice(x, 0, 0, 1)).backward();
  CHECK(gradient_list(x) == std::vector<double>{1, 0});
}

TEST_CASE("gradients: two halves of a batch give the gradient of the whole, through a product, too") {
  V w = random_parameter({3, 4}, 1), b = random_parameter({3}, 2);
  const V x = random_parameter({6, 4}, 3).detach();
  const auto loss = [&](const V& rows) { return sum(tanh(linear(rows, w, b))); };
  loss(x).backward();
  const std::vector<double> gw = gradient_list(w), gb = gradient_list(b);
  w.zero_grad();
  b.zero_grad();
  loss(slice(x, 0, 0, 3)).backward();
  loss(slice(x, 0, 3, 6)).backward();
  CHECK(distance(gradient_list(w), gw) < 1e-15);  // the same terms, summed in two parts
  CHECK(distance(gradient_list(b), gb) < 1e-15);
}

TEST_CASE("gradients: those of results are released unless retained") {
  const V x = row({1, 2});
  V y = x * 2.0, z = x * 3.0;
  y.retain_grad();
  sum(y * z).backward();
  CHECK(gradient_list(y) == list(z));
  CHECK_FALSE(z.has_grad());
  CHECK_THROWS_WITH_AS(z.grad(),
                       "grad: (2,) has no gradient; call retain_grad() on this result before backward()",
                       UsageError);
}

TEST_CASE("gradients: a retained one is not counted again by the next pass") {
  const V x = row({1, 2});
  V y = x * 2.0;
  y.retain_grad();
  const V z = sum(y * y);
  z.backward(true);
  z.backward(true);
  CHECK(gradient_list(y) == times(list(y), 4));  // twice 2y: results add up as leaves do
  CHECK(gradient_list(x) == std::vector<double>{16, 32});
}

TEST_CASE("gradients: a retained one of an output that the next pass does not reach is not used again") {
  const V x = row({1, 2});
  auto [a, b] = fuse([](auto u) { return std::tuple(u * 2.0, u * u); }, x);
  a.retain_grad();
  const V first = sum(a), second = sum(b);
  first.backward(true);
  V(x).zero_grad();
  second.backward(true);
  CHECK(gradient_list(x) == std::vector<double>{2, 4});
  CHECK(gradient_list(a) == std::vector<double>{1, 1});
}

TEST_CASE("grad: leaves stored gradients alone, those of retained results and of hooked leaves, too") {
  V x = row({1, 2}), u = row({5, 6});
  u.register_hook([](const V& g) { return V(g * 2.0); });
  V y = x * u;
  y.retain_grad();
  const V z = sum(y * y);
  z.backward(true);
  const std::vector<double> gx = gradient_list(x), gy = gradient_list(y), gu = gradient_list(u);
  for (bool graph : {false, true}) {
    const Vs g = grad<double>({z}, {x, u, y}, {.retain_graph = true, .create_graph = graph});
    CHECK(list(g[0]) == gx);
    CHECK(list(g[1]) == gu);
    CHECK(list(g[2]) == gy);
    const Vs one = grad(Vs{z}, Vs{u}, {.retain_graph = true, .create_graph = graph});
    CHECK(list(one[0]) == gu);
    CHECK(gradient_list(x) == gx);
    CHECK(gradient_list(y) == gy);
    CHECK(gradient_list(u) == gu);
  }
  V untouched = x * 3.0;
  untouched.retain_grad();
  grad(sum(untouched * untouched), x);
  CHECK_FALSE(untouched.has_grad());
}

TEST_CASE("grad: with respect to results; what lies before them is not run") {
  const V x = row({1, 2});
  const V y = x * 2.0, z = y * y;
  const V loss = sum(z * z);
  const Vs g = grad<double>({loss}, {z, y}, {.retain_graph = true});
  CHECK(list(g[0]) == times(list(z), 2));
  CHECK(list(g[1]) == std::vector<double>{4 * 8, 4 * 64});
  grad(loss, z);
  sum(y).backward();  // x * 2 was not released
  CHECK(gradient_list(x) == std::vector<double>{2, 2});
}

TEST_CASE("grad: several outputs with seeds, an input named twice, one that nothing depends on") {
  const V x = row({1, 2}), other = row({7});
  const V y = x * x, z = x * 3.0;
  const Vs g = grad<double>({y, z}, {x, x, other}, {}, {row({1, 10}), row({2, 0})});
  CHECK(list(g[0]) == std::vector<double>{2 + 6, 40});
  CHECK(list(g[1]) == list(g[0]));
  CHECK(list(g[2]) == std::vector<double>{0});
}

TEST_CASE("grad: mistakes are named") {
  const V x = row({1, 2}), c = x.detach();
  const V y = x * x;
  CHECK_THROWS_WITH_AS(grad(y, x), "grad: output 1 has the shape (2,); give seeds, or take a sum first",
                       UsageError);
  CHECK_THROWS_WITH_AS(
      grad(sum(y), c),
      "grad: input 1 (2,) does not require a gradient; call requires_grad(true) on it before use",
      UsageError);
  CHECK_THROWS_WITH_AS(grad<double>({y}, {x}, {}, {row({1, 2, 3})}), "grad: seed 1 must have the shape (2,)",
                       ShapeError);
  CHECK_THROWS_WITH_AS(grad<double>({y}, {x}, {}, {row({1, 2}), row({1, 2})}),
                       "grad: need one seed for each of 1 outputs; got 2", UsageError);
  CHECK_THROWS_AS(grad(V(), x), UsageError);
  CHECK_THROWS_AS(y.backward(), UsageError);
  CHECK_THROWS_WITH_AS(y.backward(row({1})), "backward: the seed must have the shape (2,); got (1,)",
                       ShapeError);
}

// --- hooks ----------------------------------------------------------------------------------------------

TEST_CASE("hooks: one on a leaf runs once a pass, sees that pass only, and replaces what is added") {
  V x = row({1, 2});
  std::vector<std::vector<double>> seen;
  x.register_hook([&](const V& g) {
    seen.push_back(list(g));
    return V(g * 10.0);
  });
  sum(x * x + x * 3.0).backward();
  sum(x * 1.0).backward();
  CHECK(seen == std::vector<std::vector<double>>{{5, 7}, {1, 1}});
  CHECK(gradient_list(x) == std::vector<double>{60, 80});
}

TEST_CASE("hooks: one on a result sees the complete gradient before it is passed on") {
  const V x = row({1, 2});
  V y = x * 2.0;
  int calls = 0;
  y.register_hook([&](const V& g) {
    ++calls;
    CHECK(list(g) == std::vector<double>{3 + 1, 3 + 2});
    return row({1, 100}).detach();
  });
  y.register_hook([&](const V& g) {
    CHECK(list(g) == std::vector<double>{1, 100});
    return V();
  });
  V(sum(y * 3.0) + sum(y * x)).backward();
  CHECK(calls == 1);
  CHECK(gradient_list(x) == std::vector<double>{2 + 2, 200 + 4});
}

TEST_CASE("hooks: a parameter of several products sees the merged gradient once, before it is stored") {
  V w = random_parameter({3, 3}, 1), b = random_parameter({3}, 2);
  const V x = random_parameter({2, 3}, 3).detach();
  const auto loss = [&] {
    V h = x;
    for (int t = 0; t < 4; ++t) h = tanh(linear(h, w, b));
    return V(sum(h * h));
  };
  const Vs expected = grad<double>({loss()}, {w, b});
  int calls = 0;
  const auto hook = [&](const V& expect) {
    return [&calls, expect](const V& g) {
      ++calls;
      CHECK(list(g) == list(expect));
      return V(g * 0.5);
    };
  };
  w.register_hook(hook(expected[0]));
  b.register_hook(hook(expected[1]));
  loss().backward();
  loss().backward();
  CHECK(calls == 4);
  CHECK(gradient_list(w) == list(expected[0]));
  CHECK(gradient_list(b) == list(expected[1]));
}

TEST_CASE("hooks: they act in recorded passes, too") {
  V x = row({1, 2});
  V y = x * x;
  x.register_hook([](const V& g) { return V(g * 2.0); });
  y.register_hook([](const V& g) { return V(g * 5.0); });
  CHECK(list(grad(sum(y), x, {.create_graph = true})) == std::vector<double>{20, 40});
}

TEST_CASE("hooks: a shape that changes and a leaf without a gradient are refused") {
  V x = row({1, 2});
  x.register_hook([](const V&) { return row({1}); });
  const V y = sum(x * x);
  CHECK_THROWS_WITH_AS(y.backward(), "hook: the gradient of (2,) must keep its shape; got (1,)", ShapeError);
  CHECK_THROWS_AS(V(row({1}).detach()).register_hook([](const V& g) { return g; }), UsageError);
}

// --- higher orders --------------------------------------------------------------------------------------

TEST_CASE("create_graph: three derivatives of x⁴ and of tanh") {
  const V x = values({}, {0.7});
  const V y = square(square(x));
  const V d1 = grad(y, x, {.create_graph = true}), d2 = grad(d1, x, {.create_graph = true}), d3 = grad(d2, x);
  CHECK(d1.item() == doctest::Approx(4 * 0.343).epsilon(1e-14));  // a few roundings
  CHECK(d2.item() == doctest::Approx(12 * 0.49).epsilon(1e-14));
  CHECK(d3.item() == doctest::Approx(24 * 0.7).epsilon(1e-14));
  const double t = std::tanh(0.7), s = 1 - t * t;
  const V t1 = grad(V(tanh(x)), x, {.create_graph = true}), t2 = grad(t1, x, {.create_graph = true}),
          t3 = grad(t2, x);
  CHECK(t1.item() == doctest::Approx(s).epsilon(1e-13));
  CHECK(t2.item() == doctest::Approx(-2 * t * s).epsilon(1e-13));
  CHECK(t3.item() == doctest::Approx(-2 * s * (s - 2 * t * t)).epsilon(1e-13));
}

TEST_CASE("create_graph: the gradient of a gradient's norm reaches the parameters") {
  const V x = random_parameter({3, 4}, 1), w = random_parameter({4, 2}, 2), b = random_parameter({2}, 3);
  gradcheck(
      [&](const Vs&) {
        const Vs g = grad<double>({sum(square(tanh(matmul(x, w) + b)))}, {w, b}, {.create_graph = true});
        return V(sum(square(g[0])) + sum(square(g[1])));
      },
      {x, w, b});
}

TEST_CASE("create_graph: slopes at an adjoint of exactly zero are not lost") {
  const V x = row({0.5, 2}), w = row({0, 3}), v = row({0, 1});
  for (int op = 0; op < 4; ++op) {
    CAPTURE(op);
    const auto f = [op](const Vs& in) -> V {
      const V &a = in[0], &b = in[1];
      if (op == 0) return b * log(a);
      if (op == 1) return b * sqrt(a);
      if (op == 2) return b / a;
      return b * pow(a, 1.5);
    };
    gradgradcheck(f, {x, w});
    const V seed = v.copy().requires_grad(true);
    const V y = f({x, w});
    gradcheck(
        [&](const Vs&) {
          return grad<double>({f({x, w})}, {x}, {.create_graph = true}, {seed})[0];
        },
        {seed, w});
  }
}

// --- size -----------------------------------------------------------------------------------------------

namespace {

// Runs f on a thread with a stack of 256 KB; rethrows what it throws.
template <class F>
void on_small_stack(F f) {
  struct Job {
    F& f;
    std::exception_ptr error;
  } job{f, nullptr};
  pthread_attr_t attributes;
  REQUIRE(pthread_attr_init(&attributes) == 0);
  REQUIRE(pthread_attr_setstacksize(&attributes, 256 * 1024) == 0);
  pthread_t thread;
  REQUIRE(pthread_create(
              &thread, &attributes,
              [](void* argument) -> void* {
                auto& j = *static_cast<Job*>(argument);
                try {
                  j.f();
                } catch (...) {
                  j.error = std::current_exception();
                }
                return nullptr;
              },
              &job) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&attributes);
  if (job.error) std::rethrow_exception(job.error);
}

}  // namespace

TEST_CASE("size: 100,000 recurrent steps record, run back and are freed on a stack of 256 KB") {
  constexpr int steps = 100000;
  double slope = 0;
  std::size_t live = 1;
  on_small_stack([&] {
    const V w = values({2, 2}, {0.5, 0.1, -0.1, 0.5}), b = row({0.1, 0.2});
    {
      V h(Shape{1, 2}, 0.1);
      for (int t = 0; t < steps; ++t) h = tanh(linear(h, w, b));
      sum(h).backward();
      slope = w.grad()(0, 0);
      V k(Shape{1, 2}, 0.1);
      for (int t = 0; t < steps; ++t) k = chunk<2>(concat<double>({tanh(k * b), k}, 1))[0];
      k = {};  // freed without a pass
      V r(Shape{1, 2}, 0.1);
      for (int t = 0; t < steps; ++t) r = tanh(r * b);
      const V g = grad(sum(r), b);
    }
    live = tape_stats<double>().live;
  });
  CHECK(std::isfinite(slope));
  CHECK(slope != 0);
  CHECK(live == 0);
}

// --- anomalies ------------------------------------------------------------------------------------------

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

TEST_CASE("anomaly mode: a NaN that an op was given is not blamed on it") {
  const V x = row({1, std::nan("")});
  const AnomalyMode on;
  CHECK_NOTHROW(V(x * 2.0 + 1.0));
  CHECK_NOTHROW(sum(x));
  CHECK_NOTHROW(matmul(reshape(x, {1, 2}), reshape(x, {2, 1})));
  CHECK(message_of<UsageError>([&] { V(x * 2.0 + sqrt(row({-1, 1}))); }).starts_with("anomaly: sqrt in "));
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
