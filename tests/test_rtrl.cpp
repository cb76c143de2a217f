#include "unroll/layers/rtrl.hpp"

#include <doctest/doctest.h>

#include <array>

#include "small_cells.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/normalise.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/xtensor.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;
using V = Variable<double>;
using Vs = std::vector<V>;

namespace {

// Sums of some hundred products of numbers below 1, in another order.
constexpr double reordered = 1e-10;

Vs all_parameters(const auto& module) {
  Vs all;
  for (const auto& p : parameters(module)) all.push_back(p.variable);
  return all;
}

std::vector<std::vector<double>> take_gradients(Vs ps) {
  std::vector<std::vector<double>> all;
  for (V& p : ps) {
    all.push_back(p.has_grad() ? gradient_list(p) : std::vector<double>{});
    p.zero_grad();
  }
  return all;
}

void check_equal(const std::vector<std::vector<double>>& a, const std::vector<std::vector<double>>& b) {
  REQUIRE(a.size() == b.size());
  for (std::size_t k = 0; k < a.size(); ++k) {
    CAPTURE(k);
    CHECK(std::any_of(a[k].begin(), a[k].end(), [](double g) { return std::abs(g) > 1e-3; }));
    CHECK(distance(a[k], b[k]) < reordered);
  }
}

/// A sequence with a target and a readout; the loss of step t weighs h_t in a way of its own.
struct Task {
  V xs = random_parameter({8, 3, 2}, 1).detach(), targets = random_parameter({8, 3, 2}, 2).detach();
  Generator rng{7};
  Linear<double> readout{4, 2, {}, rng};
  V loss(const V& h, index_t t) const {
    return mse(readout(h), select(targets, 0, t)) * (1.0 + 0.1 * double(t));
  }
};

// The gradients of Σ_t loss_t by one backward pass through all steps.
template <class Cell, class S>
std::vector<std::vector<double>> by_bptt(const Task& task, const Cell& cell, S s, const Vs& ps) {
  V total(0.0);
  for (index_t t = 0; t < task.xs.shape(0); ++t) {
    s = detail::whole_step(cell, select(task.xs, 0, t), s);
    total = total + task.loss(output_of(s), t);
  }
  total.backward();
  return take_gradients(ps);
}

template <class Cell, class S>
std::vector<std::vector<double>> by_rtrl(const Task& task, const Cell& cell, const S& s, const Vs& ps) {
  Rtrl rtrl(cell, s);
  for (index_t t = 0; t < task.xs.shape(0); ++t)
    rtrl.backward(task.loss(rtrl.step(select(task.xs, 0, t)), t));
  return take_gradients(ps);
}

template <class Cell, class S>
void compare(const Cell& cell, const S& s) {
  const Task task;
  Vs ps = all_parameters(cell);
  for (const V& p : all_parameters(task.readout)) ps.push_back(p);
  check_equal(by_rtrl(task, cell, s, ps), by_bptt(task, cell, s, ps));
}

V state(std::uint64_t seed) { return random_parameter({3, 4}, seed).detach(); }

}  // namespace

TEST_CASE("rtrl: its gradient is that of backpropagation through all steps, for Elman, LSTM and GRU") {
  Generator rng(3);
  SUBCASE("Elman") { compare(SmallElman(2, 4, true, rng), state(1)); }
  SUBCASE("LSTM") { compare(LstmCell<double>(2, 4, true, rng), LstmState<double>{state(1), state(2)}); }
  SUBCASE("GRU") { compare(SmallGru(2, 4, 5), HiddenState<double>{state(1)}); }
}

TEST_CASE("rtrl: a cell that mixes the rows of the batch is right too") {
  Generator rng(4);
  compare(MixingCell(2, 4, true, rng), state(1));
}

TEST_CASE("rtrl: the gradient at every single step is that of this step's loss") {
  Generator rng(3);
  const LstmCell<double> cell(2, 4, true, rng);
  const LstmState<double> s0{state(1), state(2)};
  const Task task;
  const Vs ps = all_parameters(cell);
  Rtrl rtrl(cell, s0);
  LstmState<double> s = s0;
  for (index_t t = 0; t < 5; ++t) {
    rtrl.backward(task.loss(rtrl.step(select(task.xs, 0, t)), t));
    const auto mine = take_gradients(ps);
    s = detail::whole_step(cell, select(task.xs, 0, t), s);
    task.loss(s.h, t).backward(true);
    check_equal(mine, take_gradients(ps));
    CHECK(distance(list(rtrl.state().c), list(s.c)) < 1e-14);  // the same steps
  }
}

TEST_CASE("rtrl: a loss of any member of the state, several losses, and steps without one") {
  Generator rng(3);
  const LstmCell<double> cell(2, 4, true, rng);
  const LstmState<double> s0{state(1), state(2)};
  const V x = random_parameter({3, 2}, 9).detach();
  const Vs ps = all_parameters(cell);
  Rtrl rtrl(cell, s0);
  rtrl.step(x);
  rtrl.step(x);
  rtrl.backward(sum(rtrl.state().h * rtrl.state().c));
  rtrl.backward(sum(square(rtrl.state().c)));
  const auto mine = take_gradients(ps);
  const auto s = detail::whole_step(cell, x, detail::whole_step(cell, x, s0));
  V(sum(s.h * s.c) + sum(square(s.c))).backward();
  check_equal(mine, take_gradients(ps));
}

/// Rows of a table, a weight that is the product of two, a norm, and a second layer that is fed the first.
struct WideCell {
  using value_type = double;
  using State = LstmState<double>;
  V table = random_parameter({6, 2}, 21), u = random_parameter({4, 4}, 22),
    left = random_parameter({4, 2}, 23), right = random_parameter({2, 4}, 24),
    gain = random_parameter({4}, 25), scale = random_parameter({}, 26);
  bool computes_weight = true;

  State step(const V& x, const State& s) const {
    const V token = embedding(table, Indices({3}, {2, 5, 2}));
    const V first = tanh(linear(token * x, left) + layer_norm(linear(s.h, u), gain) * scale);
    const V w = computes_weight ? V(matmul(left, right)) : u;
    return {first, tanh(linear(first, w) + s.c * gain)};
  }
  template <class Visitor>
  void visit(Visitor&& v) {
    v("table", table), v("u", u), v("left", left), v("gain", gain), v("scale", scale);
    if (computes_weight) v("right", right);
  }
};

TEST_CASE("rtrl: a cell of several layers with a table and a norm, and with a weight that it computes") {
  WideCell cell;
  SUBCASE("") { cell.computes_weight = false; }
  SUBCASE("") { cell.computes_weight = true; }
  const Task task;
  Vs ps = all_parameters(cell);
  const LstmState<double> s{state(1), state(2)};
  Rtrl rtrl(cell, s);
  LstmState<double> now = s;
  V total(0.0);
  for (index_t t = 0; t < 6; ++t) {
    const V x = select(task.xs, 0, t);
    rtrl.step(x);
    now = cell.step(x, now);
    rtrl.backward(sum(square(rtrl.state().h + rtrl.state().c)));
    total = total + sum(square(now.h + now.c));
  }
  const auto mine = take_gradients(ps);
  total.backward();
  check_equal(mine, take_gradients(ps));
}

TEST_CASE("rtrl: a copy goes on by itself") {
  Generator rng(3);
  const SmallElman cell(2, 4, true, rng);
  const V x = random_parameter({3, 2}, 9).detach();
  const Vs ps = all_parameters(cell);
  Rtrl rtrl(cell, state(1));
  rtrl.step(x);
  Rtrl copy = rtrl;
  copy.step(x * 2.0), copy.step(x);
  rtrl.backward(sum(square(rtrl.step(x))));
  const auto mine = take_gradients(ps);
  sum(square(detail::whole_step(cell, x, detail::whole_step(cell, x, state(1))))).backward();
  check_equal(mine, take_gradients(ps));
}

TEST_CASE("rtrl: a step that is computed from parameters as they no longer are is refused") {
  V w = random_parameter({3, 4}, 1);
  const auto step = [&](const V& x, const V& h) -> V { return tanh(x * h); };
  Rtrl rtrl(step, state(1), Vs{w});
  const V x = w * w;
  w.update([](auto& value) { value *= 2.0; });
  CHECK(
      message_of<UsageError>([&] { rtrl.step(x); }) ==
      "backward: mul(x, x) needs input 1 (3, 4) as it was, but update() has changed it since; call backward "
      "before the update, or compute the result again");
  CHECK(list(rtrl.state()) == list(state(1)));
  CHECK(rtrl.step(w * w).shape() == Shape{3, 4});
}

TEST_CASE("rtrl: parameters below the cell and a learnt initial state, when they are given") {
  Generator rng(3);
  const SmallElman cell(2, 4, true, rng);
  const V table = random_parameter({5, 2}, 1), h0 = random_parameter({3, 4}, 2);
  const auto input = [&](int t) { return V(slice(table, 0, t % 3, t % 3 + 3) * 2.0); };
  Vs ps = all_parameters(cell);
  ps.insert(ps.end(), {table, h0});
  Rtrl rtrl(cell, h0, ps);
  V h = h0, total(0.0);
  for (int t = 0; t < 6; ++t) {
    rtrl.backward(sum(square(rtrl.step(input(t)))));
    h = detail::whole_step(cell, input(t), h);
    total = total + sum(square(h));
  }
  const auto mine = take_gradients(ps);
  total.backward();
  check_equal(mine, take_gradients(ps));
}

// s' = tanh(a s + b x), one number each: J by hand, at the parameters of each step.
TEST_CASE("rtrl: with an update after every step it equals the recursion worked by hand") {
  V a = values({1, 1}, {0.7}), b = values({1, 1}, {-0.4});
  const auto step = [&](const V& x, const V& s) -> V { return tanh(a * s + b * x); };
  Rtrl rtrl(step, V({1, 1}, 0.5), Vs{a, b});
  double pa = 0.7, pb = -0.4, s = 0.5, ja = 0, jb = 0;
  for (int t = 0; t < 20; ++t) {
    const double x = std::sin(t), target = std::cos(t);
    rtrl.backward(square(sum(rtrl.step(V({1, 1}, x))) - target));
    const double next = std::tanh(pa * s + pb * x), slope = 1 - next * next;
    ja = slope * (pa * ja + s), jb = slope * (pa * jb + x), s = next;
    const double da = 2 * (s - target) * ja, db = 2 * (s - target) * jb;
    CHECK(gradient_list(a)[0] == doctest::Approx(da).epsilon(1e-12));  // some roundings over 20 steps
    CHECK(gradient_list(b)[0] == doctest::Approx(db).epsilon(1e-12));
    for (V p : {a, b}) {
      p.update([&](auto& value) { value -= 0.1 * p.grad(); });
      p.zero_grad();
    }
    pa -= 0.1 * da, pb -= 0.1 * db;
  }
  CHECK(std::abs(pa - 0.7) > 0.05);
}

// A parameter that helps at first and harms more, later: with s' = A s + θ v the loss ½ (s'[0] − 1)² sees the
// ten numbers it raises before the thirteen it lowers.
TEST_CASE("rtrl: influence balancing reaches θ = −1/6 with an update at every step") {
  constexpr index_t n = 23;
  V a({n, n}, 0.0), v({n}, -1.0), theta = row({0.5});
  for (index_t i = 0; i < n; ++i) a.mutable_data()[i * n + i] = 0.5;
  for (index_t i = 0; i + 1 < n; ++i) a.mutable_data()[i * n + i + 1] = 0.5;
  std::fill_n(v.mutable_data(), 10, 1.0);
  const auto step = [&](const V&, const V& s) -> V { return linear(s, a) + theta * v; };
  Rtrl rtrl(step, V({1, n}, 1.0), Vs{theta});
  for (int t = 0; t < 3000; ++t) {
    rtrl.backward(0.5 * sum(square(slice(rtrl.step(V()), 1, 0, 1) - 1.0)));
    theta.update([&](auto& value) { value -= 1e-4 * theta.grad(); });
    theta.zero_grad();
  }
  CHECK(theta.item() == doctest::Approx(-1.0 / 6).epsilon(1e-6));  // the accuracy asked of 3,000 updates
}

TEST_CASE("rtrl: frozen parameters get no gradient, hooks see the whole of it once") {
  Generator rng(3);
  SmallElman cell(2, 4, true, rng);
  cell.weight_ih.requires_grad(false);
  int calls = 0;
  cell.weight_hh.register_hook([&](const V& g) {
    ++calls;
    return V(g * 2.0);
  });
  Rtrl rtrl(cell, state(1));
  CHECK(rtrl.parameter_count() == 16 + 4 + 4);
  const V x = random_parameter({3, 2}, 9).detach();
  rtrl.backward(sum(rtrl.step(x)));
  CHECK_FALSE(cell.weight_ih.has_grad());
  CHECK(calls == 1);
  const std::vector<double> doubled = gradient_list(cell.weight_hh);
  cell.weight_hh.zero_grad();
  sum(detail::whole_step(cell, x, state(1))).backward();
  CHECK(distance(doubled, gradient_list(cell.weight_hh)) < 1e-14);  // the same hook; a few roundings
}

TEST_CASE("rtrl: the state it carries takes no more memory after a thousand steps") {
  Generator rng(3);
  const LstmCell<double> cell(2, 4, true, rng);
  Rtrl rtrl(cell, cell.initial_state(2));
  const V x({2, 2}, 0.5);
  for (int t = 0; t < 3; ++t) rtrl.step(x);
  const auto nodes = tape_stats<double>().live;
  const auto bytes = pool_stats().in_use;
  for (int t = 0; t < 1000; ++t) rtrl.step(x);
  CHECK(tape_stats<double>().live == nodes);
  CHECK(pool_stats().in_use == bytes);
}

TEST_CASE("rtrl: float, too") {
  Generator rng(3);
  const LstmCell<float> cell(2, 4, true, rng);
  Rtrl rtrl(cell, cell.initial_state(1));
  const Variable<float> x({1, 2}, 0.5F);
  rtrl.step(x);
  rtrl.backward(sum(rtrl.step(x)));
  const auto mine = gradient_list(cell.weight_hh);
  Variable<float>(cell.weight_hh).zero_grad();
  const auto s = detail::whole_step(cell, x, detail::whole_step(cell, x, cell.initial_state(1)));
  sum(s.h).backward();
  CHECK(distance(mine, gradient_list(cell.weight_hh)) < 1e-6);  // roundings of float
}

TEST_CASE("rtrl: mistakes are named and change nothing") {
  Generator rng(3);
  const SmallElman cell(2, 4, true, rng);
  const V h0 = state(1), w = random_parameter({2}, 1);
  CHECK(message_of<UsageError>([&] { Rtrl(cell, h0, Vs{h0}); }) ==
        "rtrl: no parameter requires a gradient; give those that are to be learnt");
  CHECK(message_of<UsageError>([&] { Rtrl(cell, h0, Vs{w * 2.0}); }) ==
        "rtrl: parameter (2,) is the result of an op; give what it is computed from");
  CHECK_THROWS_AS(Rtrl(cell, V()), UsageError);
  const auto grows = [&](const V& x, const V& h) -> V { return concat<double>({h, x * w}, 1); };
  Rtrl growing(grows, h0, Vs{w});
  CHECK(message_of<ShapeError>([&] {
          growing.step(V({3, 2}, 1.0));
        }) == "rtrl: the state changed its shape from (3, 4) to (3, 6)");
  CHECK(growing.state().shape() == Shape{3, 4});
  Rtrl rtrl(cell, h0);
  const V x({3, 2}, 1.0);
  {
    const NoGrad guard;
    CHECK(message_of<UsageError>([&] { rtrl.step(x); }) ==
          "rtrl: nothing is recorded inside NoGrad; step outside it");
  }
  CHECK_THROWS_AS(rtrl.step(V({3, 5}, 1.0)), ShapeError);
  CHECK(list(rtrl.state()) == list(h0));
  CHECK(rtrl.step(x).shape() == Shape{3, 4});
}
