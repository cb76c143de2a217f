#include "unroll/optim/step_guard.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "optim_helpers.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("step_guard: a bad step changes neither weights nor the optimiser's state, and the next goes on") {
  const auto p = row({1, 2, 3}), q = row({1, 2, 3});
  Adam<double> guarded(std::vector{p}), plain(std::vector{q});
  StepGuard guard({.max_norm = 100});
  const auto step = [&](const std::vector<double>& g) {
    set_grad(p, g);
    return guard.step(guarded, clip_grad_norm(std::vector{p}, 1));
  };
  const auto good = [&](const std::vector<double>& g) {
    set_grad(q, g);
    clip_grad_norm(std::vector{q}, 1);
    plain.step();
    CHECK(step(g));
  };
  good({1, -1, 4});
  const std::vector<double> m = list(guarded.state().arrays.at("0.exp_avg"));
  for (const auto& bad :
       std::vector<std::vector<double>>{{std::nan(""), 0, 0}, {0, HUGE_VAL, 0}, {1000, 0, 0}}) {
    CHECK(!step(bad));
    CHECK(list(p) == list(q));
    CHECK(list(guarded.state().arrays.at("0.exp_avg")) == m);
    CHECK(guarded.state().steps.at(0) == 1);
  }
  CHECK(guard.skipped() == 3);
  CHECK(guard.state().in_a_row == 3);
  good({0.5, 2, -1});
  CHECK(list(p) == list(q));
  CHECK(guard.skipped() == 3);
  CHECK(guard.state().in_a_row == 0);
}

TEST_CASE("step_guard: too many bad steps in a row are an error") {
  StepGuard guard({.in_a_row = 3});
  CHECK(!guard.allows(HUGE_VAL));
  CHECK(guard.allows(1e300));
  CHECK(!guard.allows(HUGE_VAL));
  CHECK(!guard.allows(HUGE_VAL));
  CHECK_THROWS_WITH_AS(
      guard.allows(-std::nan("")),
      "step_guard: 3 steps in a row had a bad gradient, the last of the norm nan; lower the learning "
      "rate, or run backward under AnomalyMode to find the op",
      Error);
}

TEST_CASE("step_guard: its state is saved and loaded, and options out of range are refused") {
  StepGuard guard, again;
  CHECK(!guard.allows(HUGE_VAL));
  io::TensorFile file("file");
  save_state(guard, file);
  load_state(again, file);
  CHECK(again.skipped() == 1);
  CHECK(again.state().in_a_row == 1);
  CHECK_THROWS_WITH_AS(StepGuard({.max_norm = 0}), "step_guard: max_norm must be above 0; got 0", UsageError);
  CHECK_THROWS_AS(StepGuard({.max_norm = std::nan("")}), UsageError);
  CHECK_THROWS_WITH_AS(StepGuard({.in_a_row = 0}), "step_guard: in_a_row must be at least 1; got 0",
                       UsageError);
}
