#include <doctest/doctest.h>

#include <thread>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<float>;

// A small recurrent model after 30 steps of gradient descent: all of its weights.
std::vector<double> train(std::uint64_t seed) {
  constexpr index_t inputs = 3, hidden = 8, batch = 4;
  V w = random_parameter<float>({4 * hidden, inputs}, seed, -0.3, 0.3),
    u = random_parameter<float>({4 * hidden, hidden}, seed + 1, -0.3, 0.3),
    b = random_parameter<float>({4 * hidden}, seed + 2, -0.3, 0.3);
  const V x = random_parameter<float>({6, batch, inputs}, seed + 3).detach();
  for (int step = 0; step < 30; ++step) {
    V h(Shape{batch, hidden}, 0), c(Shape{batch, hidden}, 0);
    for (const V& xt : unbind(x)) {
      const auto [i, f, g, o] = chunk<4>(linear(xt, w, b) + linear(h, u));
      c = sigmoid(f) * c + sigmoid(i) * tanh(g);
      h = sigmoid(o) * tanh(c);
    }
    mean(square(h - 0.5)).backward();
    for (V* p : {&w, &u, &b}) {
      p->update([&](auto& value) { value -= 0.5f * p->grad(); });
      p->zero_grad();
    }
  }
  std::vector<double> all;
  for (const V* p : {&w, &u, &b})
    for (double x_i : list(*p)) all.push_back(x_i);
  return all;
}

}  // namespace

TEST_CASE("threads: four models trained at once are equal to the bit to four trained in turn") {
  std::vector<std::vector<double>> alone, together(4);
  for (std::uint64_t k = 0; k < 4; ++k) alone.push_back(train(10 * k));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::thread> threads;
    for (std::uint64_t k = 0; k < 4; ++k) threads.emplace_back([&, k] { together[k] = train(10 * k); });
    for (std::thread& t : threads) t.join();
    CHECK(together == alone);
  }
}

TEST_CASE("threads: each has its own tape and its own NoGrad") {
  const auto x = random_parameter({2}, 1);
  const NoGrad off;
  const std::uint64_t recorded = tape_stats<double>().recorded;
  bool other_records = false;
  std::thread([&] {
    const auto y = random_parameter({2}, 2);
    const Variable<double> z = y * y;
    other_records = z.requires_grad() && tape_stats<double>().live == 1;
  }).join();
  CHECK(other_records);
  CHECK(tape_stats<double>().recorded == recorded);
}

TEST_CASE("threads: a result of another thread is refused with the remedy") {
  Variable<double> y;
  std::thread([&] {
    const auto x = random_parameter({2}, 1).set_name("x");
    y = x * x;
  }).join();
  CHECK_THROWS_WITH_AS(Variable<double>(y * 2.0),
                       "mul: argument 1 (2,) was recorded by another thread; detach() it there first",
                       UsageError);
  CHECK_THROWS_WITH_AS(y.backward(Variable<double>(y.shape(), 1.0)),
                       "backward: mul(x, x) was recorded by another thread; call backward there", UsageError);
  CHECK(list(Variable<double>(y.detach() * 2.0)).size() == 2);
}

TEST_CASE("threads: a model built on one thread can be trained on another") {
  auto w = random_parameter({3, 3}, 1);
  std::thread([&] { sum(square(matmul(w, w))).backward(); }).join();
  const std::vector<double> there = gradient_list(w);
  w.zero_grad();
  sum(square(matmul(w, w))).backward();
  CHECK(gradient_list(w) == there);
}
