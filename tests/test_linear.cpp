#include "unroll/autograd/linear.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "counts.hpp"
#include "small_cells.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"
#include "unroll/layers/scan.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;

// x Wᵀ + b by three loops.
std::vector<double> reference(const V& x, const V& w, const V& b) {
  const index_t inputs = w.shape()[1], outputs = w.shape()[0];
  const index_t rows = x.shape().product(0, x.rank() - 1);
  const std::vector<double> xs = list(x), ws = list(w);
  std::vector<double> y;
  for (index_t r = 0; r < rows; ++r) {
    for (index_t o = 0; o < outputs; ++o) {
      double sum = b ? b.data()[o] : 0;
      for (index_t i = 0; i < inputs; ++i)
        sum += xs[static_cast<std::size_t>(r * inputs + i)] * ws[static_cast<std::size_t>(o * inputs + i)];
      y.push_back(sum);
    }
  }
  return y;
}

}  // namespace

TEST_CASE("linear: equals three loops for every rank, few rows and many, with and without bias") {
  const Shape shapes[] = {{5},    {1, 5},    {4, 5},  {2, 3, 5}, {2, 1, 3, 5}, {2, 1, 2, 1, 5},
                          {0, 5}, {3, 0, 5}, {200, 5}};
  for (const Shape& shape : shapes) {
    CAPTURE(shape.str());
    const V x = random_parameter(shape, 1), w = random_parameter({7, 5}, 2), b = random_parameter({7}, 3);
    const V y = linear(x, w, b), z = linear(x, w);
    CHECK(y.shape() == shape.with(shape.rank() - 1, 7));
    CHECK(distance(list(y), reference(x, w, b)) < 1e-14);  // order of summation of 5 terms
    CHECK(distance(list(z), reference(x, w, {})) < 1e-14);
    if (x.size() > 100) continue;
    gradcheck([](const Vs& in) { return linear(in[0], in[1], in[2]); }, {x, w, b});
    gradgradcheck([](const Vs& in) { return linear(in[0], in[1], in[2]); }, {x, w, b});
  }
}

TEST_CASE("linear: no inputs or no outputs") {
  const V b = row({1, 2});
  const V y = linear(random_parameter({3, 0}, 1), random_parameter({2, 0}, 2), b);
  CHECK(list(y) == std::vector<double>{1, 2, 1, 2, 1, 2});
  CHECK(list(V(linear(random_parameter({3, 0}, 1), random_parameter({2, 0}, 2)))) ==
        std::vector<double>(6, 0.0));
  const V x = random_parameter({3, 4}, 1), none = random_parameter({0, 4}, 2);
  CHECK(V(linear(x, none)).shape() == Shape{3, 0});
  gradcheck([](const Vs& in) { return linear(in[0], in[1]); }, {x, none});
  gradcheck([](const Vs& in) { return linear(in[0], in[1], in[2]); },
            {random_parameter({3, 0}, 1), random_parameter({2, 0}, 2), b});
}

TEST_CASE("linear: operands that are views and results") {
  const V x = random_parameter({4, 6}, 1), w = random_parameter({6, 6}, 2), b = random_parameter({12}, 3);
  gradcheck(
      [](const Vs& in) {
        const V left = chunk<2>(in[0])[0], u = slice(in[1], 1, 2, 5), c = slice(in[2], 0, 3, 9);
        return linear(left, u, c);
      },
      {x, w, b});
  gradcheck([](const Vs& in) { return linear(tanh(in[0]), in[1] * 2.0, V(slice(in[2], 0, 0, 6) * 1.0)); },
            {x, w, b});
  gradcheck(
      [](const Vs& in) {
        const V t = reshape(in[0], {2, 2, 6});
        return linear(select(chunk<3>(t)[1], 0, 1), slice(slice(in[1], 0, 1, 5), 1, 0, 2));
      },
      {x, w, b});
}

TEST_CASE("linear: the same operands in several products, and x = W") {
  const V a = random_parameter({3, 3}, 1), b = random_parameter({3}, 2);
  gradcheck([](const Vs& in) { return linear(in[0], in[0], in[1]); }, {a, b});
  gradcheck([](const Vs& in) { return linear(linear(in[0], in[0], in[1]), in[0], in[1]) * in[1]; }, {a, b});
  gradcheck([](const Vs& in) { return linear(in[0], in[0]) + linear(in[0], in[0], in[1]); }, {a, b});
}

TEST_CASE("linear: sums of products accumulate into one node") {
  const V x = random_parameter({2, 3}, 1), h = random_parameter({2, 4}, 2), w = random_parameter({5, 3}, 3),
          u = random_parameter({5, 4}, 4), b = random_parameter({5}, 5), c = random_parameter({5}, 6),
          a = random_parameter({2, 5}, 7);
  const std::uint64_t before = tape_stats<double>().recorded;
  const V y = linear(x, w, b) + linear(h, u, c) + a;
  CHECK(tape_stats<double>().recorded == before + 1);
  const V expected = V(linear(x, w, b)) + V(linear(h, u, c)) + a;
  CHECK(distance(list(y), list(expected)) < 1e-14);
  const Vs all = {x, h, w, u, b, c, a};
  gradcheck([](const Vs& in) { return linear(in[0], in[2], in[4]) + linear(in[1], in[3], in[5]) + in[6]; },
            all);
  gradgradcheck(
      [](const Vs& in) { return linear(in[0], in[2], in[4]) + linear(in[1], in[3], in[5]) + in[6]; }, all);
  gradcheck([](const Vs& in) { return in[6] + linear(in[1], in[3]); }, all);
  gradcheck([](const Vs& in) { return linear(in[1], in[3]) + in[4]; }, all);  // the addend broadcasts
  gradcheck(
      [](const Vs& in) {
        return linear(in[0], in[2]) + linear(in[1], in[3]) + linear(in[0], in[2], in[4]) +
               linear(in[1], in[3], in[5]);
      },
      all);
}

TEST_CASE("linear: tanh(linear(x, W, b) + linear(h, U))") {
  const V x = random_parameter({2, 3}, 1), h = random_parameter({2, 4}, 2), w = random_parameter({5, 3}, 3),
          u = random_parameter({5, 4}, 4), b = random_parameter({5}, 5);
  const V y = tanh(linear(x, w, b) + linear(h, u));
  CHECK(distance(list(y), list(V(tanh(V(linear(x, w, b)) + V(linear(h, u)))))) < 1e-15);
  gradcheck([](const Vs& in) { return tanh(linear(in[0], in[2], in[4]) + linear(in[1], in[3])); },
            {x, h, w, u, b});
}

TEST_CASE("linear: a named one is computed once, where it is first used") {
  const V x = random_parameter({2, 3}, 1), w = random_parameter({5, 3}, 2), b = random_parameter({5}, 3);
  const std::uint64_t before = blas::counters().calls;
  auto a = linear(x, w, b);
  CHECK(blas::counters().calls == before);
  const V y = tanh(a) + sigmoid(a);
  const V z = a * 2.0;
  CHECK(chunk<5>(a)[0].shape() == Shape{2, 1});
  CHECK(blas::counters().calls == before + 1);
  gradcheck(
      [](const Vs& in) {
        auto named = linear(in[0], in[1], in[2]);
        return V(tanh(named) * named + named);
      },
      {x, w, b});
}

TEST_CASE("linear: a named one keeps its value in a sum with others") {
  const V x = random_parameter({2, 3}, 1), w = random_parameter({5, 3}, 2);
  auto a = linear(x, w), b = linear(x, w);
  const V sum1 = a + b, first = a, second = b;
  CHECK(list(sum1) == list(V(first + second)));
  CHECK(list(first) == list(second));
}

TEST_CASE("linear: an operand that changes before a named one is used is reported") {
  V x = random_parameter({2, 3}, 1), w = random_parameter({5, 3}, 2);
  auto a = linear(x, w);
  w.update([](auto& value) { value *= 2; });
  CHECK_THROWS_AS(a.evaluate(), UsageError);
}

TEST_CASE("linear: an addend that was overwritten is computed again until backward, and then is an error") {
  std::vector<V> seen;
  struct Keeping : SmallElman {
    std::vector<V>* seen;
    State step(const V& x, const State& h) const {
      const State next = SmallElman::step(x, h);
      seen->push_back(x);
      return next;
    }
  };
  const Keeping cell{{2, 3}, &seen};
  const V xs = random_parameter({4, 2, 2}, 1);
  const auto [ys, last] = scan(cell, xs, V({2, 3}, 0.0));
  CHECK_THROWS_WITH_AS(seen[1].register_hook([](const V& d) { return d; }),
                       "register_hook: the value was given up to the next op; register the hook before it",
                       UsageError);
  CHECK(distance(list(seen[1]),
                 list(V(linear(select(xs, 0, 1), cell.weight_ih, cell.bias_ih + cell.bias_hh)))) < 1e-15);
  sum(ys).backward();
  CHECK_THROWS_WITH_AS(seen[2].value(),
                       "unbind: the value was overwritten and its op released; copy() it first", UsageError);
}

TEST_CASE("linear: an op that cannot compute a value again says so") {
  const V y = sum(random_parameter({2}, 1));
  double value = 0;
  CHECK_THROWS_WITH_AS(y.tensor()->creator->recompute(0, 1, &value),
                       "sum: a value was overwritten that cannot be computed again; copy() it first",
                       UsageError);
}

TEST_CASE("linear: the packed copy of a weight follows update(), and also a change through an alias") {
  V w = random_parameter({5, 3}, 2);
  const V x = random_parameter({2, 3}, 1);
  CHECK(distance(list(V(linear(x, w))), reference(x, w, {})) < 1e-14);
  w.update([](auto& value) { value *= 2; });
  CHECK(distance(list(V(linear(x, w))), reference(x, w, {})) < 1e-14);
  w.detach().update([](auto& value) { value += 1; });
  CHECK(distance(list(V(linear(x, w))), reference(x, w, {})) < 1e-14);
  sum(linear(x, w)).backward();
  const V g = grad(sum(matmul(x, transpose(w))), x);
  CHECK(distance(gradient_list(x), list(g)) < 1e-14);
}

TEST_CASE("linear: gradients of a recurrence merge over its steps, under retain and in parts") {
  V w = random_parameter({4, 4}, 1), b = random_parameter({4}, 2), x = random_parameter({3, 4}, 3);
  const auto run = [&] {
    V h = x;
    for (int t = 0; t < 6; ++t) h = tanh(linear(h, w, b));
    return V(sum(h * h));
  };
  gradcheck([&](const Vs&) { return run(); }, {w, b, x});
  gradgradcheck([&](const Vs&) { return run(); }, {w, b, x});
  const V y = run();
  y.backward(true);
  const std::vector<double> once = gradient_list(w);
  w.zero_grad();
  y.backward();
  CHECK(gradient_list(w) == once);
}

TEST_CASE("linear: more rows than one deferred product takes") {
  const Variable<float> x = random_parameter<float>({3000, 2}, 1).detach();
  Variable<float> w = random_parameter<float>({2, 2}, 2), b = random_parameter<float>({2}, 3);
  Variable<float> loss = sum(linear(x, w, b)) + sum(linear(x, w, b)) + sum(linear(slice(x, 0, 5, 9), w, b));
  loss.backward();
  for (int k = 0; k < 2; ++k) {
    double expected = 0;
    for (index_t r = 0; r < 3000; ++r) expected += x.data()[r * 2 + k] * (r >= 5 && r < 9 ? 3.0 : 2.0);
    // Float sums of 6,004 terms below 1: each rounding errs by up to 1e-5 near 100.
    CHECK(std::abs(w.grad()(0, k) - expected) < 1e-3);
    CHECK(b.grad()(k) == 6004);
  }
}

TEST_CASE(
    "linear: a weight by heads equals the block-diagonal matrix, alone and in sums, for few rows and many") {
  const V w = random_parameter({2, 3, 4, 5}, 1);  // two matrices of three blocks (4, 5)
  V whole({24, 15}, 0.0);
  for (index_t k = 0; k < 6; ++k)
    for (index_t o = 0; o < 4; ++o)
      for (index_t i = 0; i < 5; ++i)
        whole.mutable_data()[(k * 4 + o) * 15 + k % 3 * 5 + i] = w.data()[(k * 4 + o) * 5 + i];
  whole.requires_grad(true);
  const V u = random_parameter({24, 2}, 2), b = random_parameter({24}, 3);
  for (const index_t rows : {1, 7, 200}) {
    const V x = random_parameter({rows, 15}, 4), z = random_parameter({rows, 2}, 5),
            a = random_parameter({rows, 24}, 6);
    const std::vector<V> same = {x, z, a, u, b};
    const V mine = a + (linear(x, w, b) + linear(z, u)), plain = a + (linear(x, whole, b) + linear(z, u));
    CHECK(distance(list(mine), list(plain)) < 1e-14);
    std::vector<V> of_mine = same, of_plain = same;
    of_mine.push_back(w), of_plain.push_back(whole);
    const auto g = grad<double>({sum(square(mine))}, of_mine),
               h = grad<double>({sum(square(plain))}, of_plain);
    for (std::size_t k = 0; k < same.size(); ++k) CHECK(distance(list(g[k]), list(h[k])) < 1e-13);
    for (index_t k = 0; k < 24; ++k)
      for (index_t i = 0; i < 5; ++i)
        CHECK(g[5].data()[k * 5 + i] ==
              doctest::Approx(h[5].data()[k * 15 + k / 4 % 3 * 5 + i]).epsilon(1e-12));
  }
}

TEST_CASE("linear: the gradient of a weight by heads in a recurrence is one product of each block") {
  V w = random_parameter({2, 3, 3}, 1), x = random_parameter({3, 6}, 2);
  const auto run = [&] {
    V h = x;
    for (int t = 0; t < 6; ++t) h = tanh(linear(h, w) + h);
    return V(sum(h * h));
  };
  gradcheck([&](const Vs&) { return run(); }, {w, x});
  gradgradcheck([&](const Vs&) { return run(); }, {w, x});
  const Counts c = count<double>([&] {
    w.zero_grad(), x.zero_grad();
    run().backward();
  });
  CAPTURE(c.text());
  CHECK(c.calls(3, 3, 18) == 2);  // dW of each block over all 18 rows
  CHECK(c.packed() == 24);        // forward and back, each step, each block
  CHECK(c.calls() == 26);
  CHECK(c.packings == 0);
}

TEST_CASE("linear: a weight by heads is packed anew after update(), and NaN in it does not reach idle rows") {
  V w = random_parameter({2, 3, 2}, 1);
  const V x = random_parameter({2, 4}, 2);
  const std::vector<double> before = list(V(linear(x, w)));
  w.update([](auto& a) { a *= 2; });
  const std::vector<double> after = list(V(linear(x, w)));
  for (std::size_t k = 0; k < before.size(); ++k) CHECK(after[k] == 2 * before[k]);
  w.update([](auto& a) { a(1, 0, 0) = std::numeric_limits<double>::quiet_NaN(); });
  sum(slice(V(linear(x, w)), 0, 0, 1)).backward();
  const std::vector<double> dx = gradient_list(x);
  CHECK(std::isnan(dx[2]));
  for (std::size_t k : {4, 5, 6, 7}) CHECK(dx[k] == 0);
}

TEST_CASE("linear: mistakes name the operands, before anything is computed") {
  const V x = random_parameter({2, 3}, 1), w = random_parameter({5, 3}, 2), h = random_parameter({4, 3}, 3),
          s = random_parameter({}, 4);
  CHECK_THROWS_WITH_AS(linear(x, transpose(w)), "linear: need x (…, I) and W (O, I); got x (2, 3), W (3, 5)",
                       ShapeError);
  V named = w.copy();
  named.set_name("u_h_l0");
  CHECK_THROWS_WITH_AS(linear(transpose(x), named),
                       "linear: need x (…, I) and W (O, I); got x (3, 2), W u_h_l0 (5, 3)", ShapeError);
  CHECK_THROWS_AS(linear(s, w), ShapeError);
  CHECK_THROWS_AS(linear(x, row({1, 2, 3})), ShapeError);
  CHECK_THROWS_WITH_AS(linear(x, w, row({1, 2})), "linear: need b (5,) for W (5, 3); got (2,)", ShapeError);
  CHECK_THROWS_WITH_AS(linear(V(), w), "linear: argument 1 is an empty Variable; assign a value to it first",
                       UsageError);
  CHECK_THROWS_AS(linear(x, V()), UsageError);
  const std::uint64_t before = blas::counters().calls;
  CHECK_THROWS_WITH_AS(linear(x, w) + linear(h, w), "add: shapes do not broadcast; got (2, 5) and (4, 5)",
                       ShapeError);
  CHECK_THROWS_AS(linear(x, w) + h, ShapeError);
  CHECK(blas::counters().calls == before);
}
