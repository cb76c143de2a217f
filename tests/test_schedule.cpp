#include "unroll/optim/schedule.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "optim_helpers.hpp"
#include "unroll/optim/sgd.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {
const auto near = [](double x) { return doctest::Approx(x).epsilon(1e-15); };  // a few roundings
}

TEST_CASE("schedule: step decay multiplies after every so many steps") {
  const Schedule s = step_decay(3, 0.1);
  CHECK(s(0) == 1);
  CHECK(s(2) == 1);
  CHECK(s(3) == near(0.1));
  CHECK(s(6) == near(0.01));
}

TEST_CASE("schedule: inverse sigmoid decay stays close to 1, halves after k ln k steps, and ends at 0") {
  const Schedule s = inverse_sigmoid_decay(100);
  CHECK(s(0) == doctest::Approx(100.0 / 101).epsilon(1e-15));
  CHECK(s(461) == doctest::Approx(0.5).epsilon(1e-3));  // 100 ln 100 = 460.5
  CHECK(s(1000000) == 0);
  CHECK_THROWS_AS(inverse_sigmoid_decay(0.5), UsageError);
}

TEST_CASE("schedule: exponential decay multiplies at every step") {
  const Schedule s = exponential_decay(0.5);
  CHECK(s(0) == 1);
  CHECK(s(1) == 0.5);
  CHECK(s(10) == std::pow(0.5, 10));
}

TEST_CASE("schedule: a cosine falls from 1 to its minimum and stays there") {
  const Schedule s = cosine(100, {.minimum = 0.2});
  CHECK(s(0) == 1);
  CHECK(s(25) == near(0.2 + 0.8 * (1 + std::sqrt(0.5)) / 2));
  CHECK(s(50) == near(0.6));
  CHECK(s(100) == near(0.2));
  CHECK(s(1000) == near(0.2));
}

TEST_CASE("schedule: one cycle rises to 1 and falls to the last factor, as PyTorch's does") {
  const Schedule s = one_cycle(10);
  // torch.optim.lr_scheduler.OneCycleLR(max_lr=1, total_steps=10): its formula, by hand.
  const auto half = [](double a, double b, double share) {
    return b + (a - b) / 2 * (1 + std::cos(3.141592653589793 * share));
  };
  for (int t = 0; t <= 9; ++t) {
    const double expected = t <= 2 ? half(0.04, 1, t / 2.0) : half(1, 4e-6, (t - 2) / 7.0);
    CHECK(s(static_cast<std::uint64_t>(t)) == doctest::Approx(expected).epsilon(1e-12));
  }
  CHECK(s(100) == doctest::Approx(4e-6).epsilon(1e-12));
  CHECK(one_cycle(1)(0) == doctest::Approx(4e-6).epsilon(1e-12));
  CHECK_THROWS_AS(one_cycle(0), UsageError);
  CHECK(message_of<UsageError>([] { one_cycle(10, {.rise = 1}); }) ==
        "one_cycle: need a rise between 0 and 1 and divisors of at least 1; got 1, 25 and 10000");
}

TEST_CASE("schedule: a cosine with restarts begins again, after longer and longer periods") {
  const Schedule same = cosine(10, {.restarts = true});
  CHECK(same(10) == 1);
  CHECK(same(25) == near(0.5));
  const Schedule growing = cosine(10, {.restarts = true, .period_factor = 2});
  CHECK(growing(5) == near(0.5));
  CHECK(growing(10) == 1);
  CHECK(growing(20) == near(0.5));
  CHECK(growing(30) == 1);
  CHECK(growing(50) == near(0.5));
}

TEST_CASE("schedule: a linear warm-up rises to 1 and stays") {
  const Schedule s = linear_warmup(4, 0.2);
  CHECK(s(0) == 0.2);
  CHECK(s(2) == near(0.6));
  CHECK(s(4) == 1);
  CHECK(s(400) == 1);
}

TEST_CASE("schedule: without a start, a linear warm-up gives the first update its share, not 0") {
  const Schedule s = linear_warmup(4);
  CHECK(s(0) == 0.25);
  CHECK(s(1) == 0.5);
  CHECK(s(3) == 1);
  CHECK(s(400) == 1);
  CHECK(linear_warmup(1)(0) == 1);
  CHECK(s(std::numeric_limits<std::uint64_t>::max()) == 1);
}

TEST_CASE("schedule: products and sequences are schedules") {
  const Schedule product = linear_warmup(10) * exponential_decay(0.5);
  CHECK(product(5) == near(0.6 * std::pow(0.5, 5)));
  const Schedule both = sequence(linear_warmup(10), 10, step_decay(5, 0.1));
  CHECK(both(8) == near(0.9));
  CHECK(both(10) == 1);
  CHECK(both(15) == near(0.1));
}

TEST_CASE("schedule: numbers out of range are refused") {
  CHECK_THROWS_WITH_AS(step_decay(0), "step_decay: every must be at least 1; got 0", UsageError);
  CHECK_THROWS_AS(step_decay(1, std::nan("")), UsageError);
  CHECK_THROWS_AS(exponential_decay(-1), UsageError);
  CHECK_THROWS_AS(cosine(0), UsageError);
  CHECK_THROWS_AS(cosine(10, {.minimum = 2}), UsageError);
  CHECK_THROWS_AS(cosine(10, {.period_factor = 0.5}), UsageError);
  CHECK_THROWS_AS(linear_warmup(0), UsageError);
  CHECK_THROWS_AS(linear_warmup(5, std::nan("")), UsageError);
}

TEST_CASE("scheduler: scales the rates of all groups, and continues from a saved state") {
  Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 1});
  optimizer.add_group(std::vector{row({1.0})}, {.lr = 10});
  Scheduler<double> scheduler(optimizer, linear_warmup(4));
  CHECK(optimizer.lr(0) == 0.25);
  scheduler.step();
  CHECK(optimizer.lr(0) == 0.5);
  CHECK(optimizer.lr(1) == 5);

  Sgd<double> other(std::vector{row({1.0})}, {.lr = 7});
  other.add_group(std::vector{row({1.0})}, {.lr = 7});
  Scheduler<double> resumed(other, linear_warmup(4));
  resumed.load_state(scheduler.state());
  CHECK(other.lr(1) == 5);
  resumed.step();
  CHECK(other.lr(0) == 0.75);
  CHECK_THROWS_AS(resumed.load_state({1, {0.1}}), UsageError);
}

TEST_CASE("scheduler: a group that is added later joins with the rate that it has") {
  Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 0.1});
  Scheduler<double> scheduler(optimizer, step_decay(1, 0.5));
  scheduler.step();
  optimizer.add_group(std::vector{row({1.0})}, {.lr = 1});
  scheduler.load_state(scheduler.state());
  CHECK(optimizer.lr(1) == 1);
  scheduler.step();
  CHECK(optimizer.lr(0) == near(0.025));
  CHECK(optimizer.lr(1) == 0.5);
  scheduler.load_state(scheduler.state());
  CHECK(optimizer.lr(1) == 0.5);
}

TEST_CASE("scheduler: a group that is added where the factor is 0 has its rate as base rate") {
  Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 0.1});
  Scheduler<double> scheduler(optimizer, linear_warmup(2, 0));
  optimizer.add_group(std::vector{row({1.0})}, {.lr = 1});
  scheduler.step();
  CHECK(optimizer.lr(1) == 0.5);
}

TEST_CASE("scheduler: a second one, and one after load_state, begin with the optimiser's own rates") {
  Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 0.8});
  const Scheduler<double> first(optimizer, linear_warmup(4, 0));
  CHECK(optimizer.lr() == 0);
  const Scheduler<double> second(optimizer, linear_warmup(4));
  CHECK(optimizer.lr() == 0.2);
  optimizer.load_state(optimizer.state());
  const Scheduler<double> third(optimizer, linear_warmup(1));
  CHECK(optimizer.lr() == 0.8);
  CHECK(optimizer.base_lr() == 0.8);
  optimizer.set_lr(0.4);
  const Scheduler<double> fourth(optimizer, linear_warmup(4));
  CHECK(optimizer.lr() == 0.1);
  CHECK_THROWS_AS(optimizer.base_lr(1), IndexError);
}

TEST_CASE("reduce on plateau: losses below 0 improve and stall as those above do") {
  const auto reductions = [](auto loss) {
    Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 1});
    ReduceOnPlateau<double> plateau(optimizer, {.patience = 2, .threshold = 0.1});
    int count = 0;
    for (int i = 0; i < 100; ++i) count += plateau.observe(loss(i));
    return count;
  };
  CHECK(reductions([](int) { return 1.0; }) == 33);
  CHECK(reductions([](int) { return -1.0; }) == 33);
  CHECK(reductions([](int) { return 0.0; }) == 33);
  CHECK(reductions([](int i) { return -std::pow(1.2, i); }) == 0);  // better by a fifth each time
  CHECK(reductions([](int i) { return -std::pow(1.02, i); }) > 0);  // better by the threshold after five
  CHECK(reductions([](int i) { return i == 0 ? 1.0 : -std::pow(1.2, i); }) == 0);
}

TEST_CASE("reduce on plateau: waits, reduces, cools down, and continues from a saved state") {
  Sgd<double> optimizer(std::vector{row({1.0})}, {.lr = 1});
  ReduceOnPlateau<double> plateau(optimizer, {.factor = 0.5, .patience = 1, .cooldown = 2, .minimum = 0.2});
  CHECK_FALSE(plateau.observe(10));
  CHECK_FALSE(plateau.observe(9));       // better
  CHECK_FALSE(plateau.observe(8.9999));  // not by the threshold
  CHECK(plateau.observe(std::nan("")));  // the second in a row
  CHECK(optimizer.lr() == 0.5);

  ReduceOnPlateau<double> resumed(optimizer, {.factor = 0.5, .patience = 1, .cooldown = 2, .minimum = 0.3});
  resumed.load_state(plateau.state());
  CHECK_FALSE(resumed.observe(9));  // cooling down
  CHECK_FALSE(resumed.observe(9));
  CHECK_FALSE(resumed.observe(9));
  CHECK(resumed.observe(9));
  CHECK(optimizer.lr() == 0.3);  // the minimum
  CHECK_THROWS_AS(ReduceOnPlateau<double>(optimizer, {.factor = 1}), UsageError);
  CHECK_THROWS_AS(ReduceOnPlateau<double>(optimizer, {.minimum = std::nan("")}), UsageError);
}
