#include "unroll/detail/autograd/core/tape.hpp"

#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <exception>
#include <thread>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;

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
      "detach() it (a state that is carried on: detach_state()), or give that backward retain = true",
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
                       "backward: sum was released by an earlier backward; give that one retain = true, or "
                       "detach() what is carried on from it (a state: detach_state())",
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

namespace {

// y = a b + c, twice; its backward reads a and b, and a factor that it keeps behind its lists.
class Fma final : public detail::Node<double> {
 public:
  static bool reads(std::size_t k) { return k != 2; }
  static std::size_t extra_bytes(std::size_t outputs, double) { return outputs * sizeof(double); }
  explicit Fma(double) {}
  double* factors() const { return reinterpret_cast<double*>(extra()); }
  std::string name() const override { return "fma"; }
  void backward() override {
    for (std::size_t m = 0; m < output_count(); ++m) {
      const double* dy = output_grad(m);
      if (!dy) continue;
      const double d = *dy * factors()[m];
      const double by[] = {d * *input(1).data, d * *input(0).data, d};
      for (std::size_t k = 0; k < 3; ++k) detail::write_gradient<double>(input(k), by + k, 1, 1);
    }
  }
};

detail::Ref<Fma> record_fma(const std::vector<V>& in, const std::vector<V>& out, double factor) {
  detail::Tensor<double>* const inputs[] = {in[0].tensor(), in[1].tensor(), in[2].tensor()};
  const auto node = detail::record_op<Fma>(inputs, out, factor);
  std::fill_n(node->factors(), out.size(), factor);
  return node;
}

}  // namespace

TEST_CASE("record_op: an input that the op declares it does not read may change; one that it reads may not") {
  const std::vector<V> in = {row({2}), row({3}), row({5})};
  const V first = V({1}, 11.0), second = V({1}, 11.0);
  record_fma(in, {first}, 1);
  V(in[2]).update([](auto& c) { c *= 7; });
  first.backward();
  CHECK(gradient_list(in[0]) == std::vector{3.0});
  record_fma(in, {second}, 1);
  V(in[1]).update([](auto& b) { b *= 7; });
  CHECK_THROWS_WITH_AS(
      second.backward(),
      "backward: fma needs input 2 (1,) as it was, but update() has changed it since; call backward before "
      "the update, or compute the result again",
      UsageError);
}

TEST_CASE("record_op: of several outputs some may be empty, and the node keeps bytes of its own") {
  const std::vector<V> in = {row({2}), row({3}), row({5})};
  const V y = V({1}, 11.0);
  const auto node = record_fma(in, {V(), y, V()}, 10);
  CHECK(node->output_count() == 3);
  CHECK(node->output(0) == nullptr);
  CHECK(node->output(1) == y.tensor());
  y.backward();
  CHECK(gradient_list(in[0]) == std::vector{30.0});
  CHECK(gradient_list(in[1]) == std::vector{20.0});
  CHECK(gradient_list(in[2]) == std::vector{10.0});
}

TEST_CASE("write_gradient: the first write stores, the next ones add, and runs are told apart") {
  const V x = row({0, 0, 0, 0});
  const double first[] = {1, 2, -1, 3, 4, -1}, second[] = {10, 20, 30, 40};
  const Traffic before = traffic();
  detail::write_gradient<double>(*x.tensor(), first, 2, 3);
  CHECK(traffic().copied == before.copied + 4 * sizeof(double));
  CHECK(gradient_list(x) == std::vector<double>{1, 2, 3, 4});
  detail::write_gradient<double>(*x.tensor(), second, 4, 4);
  CHECK(gradient_list(x) == std::vector<double>{11, 22, 33, 44});
  CHECK(traffic().added == before.added + 4 * sizeof(double));
}

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
                       "requires_grad(true) on the parameters, outside NoGrad; a gradient is differentiable "
                       "if grad() was given create_graph = true",
                       UsageError);
}

// --- stored gradients -----------------------------------------------------------------------------------

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
