#include "unroll/layers/truncated_bptt.hpp"

#include <doctest/doctest.h>

#include "bptt_reference.hpp"
#include "small_cells.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// The same terms, summed in another order.
constexpr double reordered = 1e-12;

enum class Drive { steps, windows };

struct Run {
  index_t k1, k2;
  Drive drive;
  double rate;  // of gradient descent after every pass; 0: the parameters stay
};

template <class Cell, class S>
void compare(const Cell& cell, const S& s0, const Run& run) {
  CAPTURE(run.k1);
  CAPTURE(run.k2);
  CAPTURE(static_cast<int>(run.drive));
  CAPTURE(run.rate);
  constexpr index_t steps = 23;
  const V xs = random_parameter({steps, 2, 2}, 11).detach(),
          ys = random_parameter({steps, 2, 2}, 12).detach();
  Generator rng(9);
  const Model<Cell> model{clone(cell), Linear<double>(3, 2, {}, rng)};
  const Vs ps = all_parameters(model);
  Reference<Cell, S> reference(model, s0);
  TruncatedBptt bptt(model.cell, s0, {.k1 = run.k1, .k2 = run.k2});
  const auto check = [&](index_t losses, index_t back) {
    const Lists expected = reference.pass(losses, back), got = gradients(ps);
    for (std::size_t k = 0; k < ps.size(); ++k) CHECK(distance(got[k], expected[k]) < reordered);
    descend(ps, run.rate);
  };
  for (index_t t = 0; t < steps;) {
    const bool one = run.drive == Drive::steps;
    const index_t n = one ? 1 : std::min(run.k1, steps - t);
    for (index_t i = t; i < t + n; ++i) reference.step(select(xs, 0, i), select(ys, 0, i));
    const V h = one ? bptt.step(select(xs, 0, t)) : bptt.run(slice(xs, 0, t, t + n));
    const V target = one ? select(ys, 0, t) : slice(ys, 0, t, t + n);
    t += n;
    const bool passed = bptt.learn(mse(model.readout(h), target) * static_cast<double>(n));
    CHECK(passed == (t % run.k1 == 0));
    if (passed) check(run.k1, run.k2);
  }
  bptt.finish();
  if (const index_t rest = steps % run.k1) check(rest, std::max<index_t>(0, run.k2 - run.k1 + rest));
}

template <class Cell, class S>
void compare_all(const Cell& cell, const S& s0) {
  const std::pair<index_t, index_t> sizes[] = {{1, 1}, {1, 5},  {3, 3}, {2, 6},  {3, 7},
                                               {5, 8}, {5, 20}, {4, 2}, {10, 3}, {30, 40}};
  for (const auto& [k1, k2] : sizes)
    for (Drive drive : {Drive::steps, Drive::windows})
      for (double rate : {0.0, 0.3}) compare(cell, s0, {k1, k2, drive, rate});
}

V state(std::uint64_t seed) { return random_parameter({2, 3}, seed).detach(); }

/// Its parameters are slices of one, and its input passes through another.
struct SlicedCell {
  using value_type = double;
  V weights, below;
  V step(const V& x, const V& h) const {
    return tanh(linear(linear(x, below), select(weights, 0, 0)) + linear(h, select(weights, 0, 1)));
  }
  template <class F>
  void visit(F&& v) {
    v("weights", weights), v("below", below);
  }
};

}  // namespace

TEST_CASE("truncated_bptt: equals an unroll with detach at the cuts, for every k1 and k2") {
  Generator rng(3);
  SUBCASE("Elman") { compare_all(SmallElman(2, 3, true, rng), state(1)); }
  SUBCASE("LSTM") { compare_all(LstmCell<double>(2, 3, true, rng), LstmState<double>{state(1), state(2)}); }
  SUBCASE("GRU") { compare_all(SmallGru(2, 3, 5), HiddenState<double>{state(1)}); }
  SUBCASE("parameters that are read through views") {
    compare_all(SlicedCell{random_parameter({2, 3, 3}, 1), random_parameter({3, 2}, 2)}, state(1));
  }
}

TEST_CASE("truncated_bptt: parameters below the cell are learnt as if they were in it") {
  const SlicedCell inside{random_parameter({2, 3, 3}, 1), random_parameter({3, 2}, 2)};
  const SlicedCell outside = clone(inside);
  const auto above = [&](const V& x, const V& h) -> V {
    return tanh(linear(x, select(outside.weights, 0, 0)) + linear(h, select(outside.weights, 0, 1)));
  };
  TruncatedBptt a(inside, state(1), {.k1 = 2, .k2 = 5});
  TruncatedBptt b(above, state(1), {.k1 = 2, .k2 = 5});
  for (int t = 0; t < 12; ++t) {
    const V x({2, 2}, std::sin(t));
    const V h = a.step(x), g = b.step(linear(x, outside.below));
    CHECK(distance(list(h), list(g)) < reordered);
    const bool passed = a.learn(sum(square(h)));
    CHECK(b.learn(sum(square(g))) == passed);
    if (!passed) continue;
    const Lists expected = gradients(all_parameters(inside)), got = gradients(all_parameters(outside));
    for (std::size_t k = 0; k < got.size(); ++k) CHECK(distance(got[k], expected[k]) < reordered);
    descend(all_parameters(inside), 0.1);
    descend(all_parameters(outside), 0.1);
  }
}

TEST_CASE("truncated_bptt: with k2 as long as the sequence it is full backpropagation") {
  Generator rng(3);
  const LstmCell<double> cell(2, 3, true, rng);
  const V xs = random_parameter({9, 2, 2}, 1).detach();
  const LstmState<double> s0{random_parameter({2, 3}, 2), random_parameter({2, 3}, 3)};
  Vs ps = all_parameters(cell);
  ps.insert(ps.end(), {s0.h, s0.c});
  for (index_t k1 : {1, 3, 9}) {
    TruncatedBptt bptt(cell, s0, {.k1 = k1, .k2 = 9});
    for (index_t t = 0; t < 9; t += k1) CHECK(bptt.learn(sum(square(bptt.run(slice(xs, 0, t, t + k1))))));
    const Lists got = gradients(ps);
    clear(ps);
    sum(square(scan(cell, xs, s0).output)).backward();
    const Lists expected = gradients(ps);
    clear(ps);
    for (std::size_t k = 0; k < ps.size(); ++k) CHECK(distance(got[k], expected[k]) < reordered);
  }
}

TEST_CASE("truncated_bptt: an initial state gets gradients as long as passes reach it") {
  Generator rng(3);
  const SmallElman cell(2, 3, true, rng);
  V h0 = random_parameter({2, 3}, 2);
  TruncatedBptt bptt(cell, V(h0 * 2.0), {.k1 = 2, .k2 = 4});
  const V x({2, 2}, 0.5);
  for (int pass = 1; pass <= 4; ++pass) {
    bptt.learn(sum(bptt.step(x)));
    CHECK(bptt.learn(sum(bptt.step(x))));
    CHECK(h0.has_grad() == (pass <= 2));
    h0.zero_grad();
  }
}

TEST_CASE("truncated_bptt: values are those of scan; a new sequence begins where it is told") {
  Generator rng(3);
  const SmallElman cell(2, 3, true, rng);
  const V xs = random_parameter({9, 2, 2}, 1).detach();
  const V plain = scan(cell, xs, state(1)).output;
  TruncatedBptt bptt(cell, state(1), {.k1 = 4, .k2 = 2});
  for (int sequence = 0; sequence < 2; ++sequence) {
    for (index_t t = 0; t < 9; ++t) {
      CHECK(distance(list(bptt.step(select(xs, 0, t))), list(select(plain, 0, t))) < reordered);
      CHECK(bptt.until_due() == 3 - t % 4);
      bptt.learn();
    }
    CHECK(distance(list(bptt.state()), list(select(plain, 0, 8))) < reordered);
    CHECK_FALSE(bptt.state().requires_grad());
    bptt.reset(state(1));
  }
}

TEST_CASE("truncated_bptt: memory and tape stay as they are however long the sequence") {
  Generator rng(3);
  const LstmCell<double> cell(2, 3, true, rng);
  const Vs ps = all_parameters(cell);
  for (const auto& [k1, k2] : {std::pair<index_t, index_t>{2, 5}, {3, 3}, {4, 2}}) {
    TruncatedBptt bptt(cell, cell.initial_state(2), {.k1 = k1, .k2 = k2});
    std::size_t nodes = 0, bytes = 0;
    for (int t = 1; t <= 240; ++t) {
      if (bptt.learn(sum(bptt.step(V({2, 2}, 0.5))))) descend(ps, 1e-3);
      if (t == 24) nodes = tape_stats<double>().live, bytes = pool_stats().in_use;
    }
    CHECK(tape_stats<double>().live == nodes);
    CHECK(pool_stats().in_use == bytes);
  }
}

TEST_CASE("truncated_bptt: steps that no pass goes through are not recorded") {
  Generator rng(3);
  const SmallElman cell(2, 3, true, rng);
  TruncatedBptt bptt(cell, cell.initial_state(2), {.k1 = 10, .k2 = 3});
  const V x({2, 2}, 0.5);
  const auto before = tape_stats<double>().recorded;
  for (int t = 0; t < 7; ++t) bptt.step(x);
  CHECK(tape_stats<double>().recorded == before);
  bptt.step(x);
  CHECK(tape_stats<double>().recorded > before);
}

TEST_CASE("truncated_bptt: parameters keep their new values through a pass over old ones") {
  Generator rng(3);
  const SmallElman cell(2, 3, true, rng);
  TruncatedBptt bptt(cell, cell.initial_state(2), {.k1 = 1, .k2 = 4});
  V w = cell.weight_hh;
  const double* memory = w.data();
  for (int t = 0; t < 6; ++t) {
    bptt.learn(sum(bptt.step(V({2, 2}, 0.5))));
    const double value = t;
    w.update([&](auto& x) { x.fill(value); });
    CHECK(w.data() == memory);
    CHECK(list(w) == std::vector<double>(9, value));
  }
}

TEST_CASE("truncated_bptt: mistakes are named") {
  Generator rng(3);
  const SmallElman cell(2, 3, true, rng);
  using Options = TruncatedBpttOptions;
  CHECK(message_of<UsageError>([&] { TruncatedBptt(cell, state(1), Options{.k1 = 0, .k2 = 3}); }) ==
        "truncated_bptt: need k1 ≥ 1 and k2 ≥ 1; got 0 and 3");
  TruncatedBptt bptt(cell, state(1), {.k1 = 2, .k2 = 4});
  const V x({2, 2}, 0.5);
  CHECK(message_of<UsageError>([&] {
          bptt.run(V({3, 2, 2}, 0.5));
        }) == "truncated_bptt: need 1 to 2 steps, until the next pass; got 3");
  CHECK_THROWS_AS(bptt.run(V({0, 2, 2}, 0.5)), UsageError);
  CHECK_THROWS_AS(bptt.run(V()), UsageError);
  CHECK_THROWS_AS(bptt.step(V({2, 5}, 0.5)), ShapeError);
  CHECK(bptt.until_due() == 2);
  {
    const NoGrad guard;
    CHECK_THROWS_AS(bptt.step(x), UsageError);
  }
  bptt.step(x);
  CHECK_FALSE(bptt.learn());
  const V h = bptt.step(x);
  CHECK(message_of<UsageError>([&] { bptt.step(x); }) ==
        "truncated_bptt: a backward pass is due; call learn() before the next step");
  V(cell.weight_hh).update([](auto& w) { w *= 0.5; });  // too early: before learn()
  CHECK_THROWS_AS(bptt.learn(sum(h)), UsageError);
}
