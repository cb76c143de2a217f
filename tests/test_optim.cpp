#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <set>

#include "golden_optim.hpp"
#include "optim_formulas.hpp"
#include "optim_helpers.hpp"
#include "unroll/autograd/views.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

const std::vector<double> start = {0.5, -1.0, 2.0, 0.1};

double slope(double theta, int t, std::size_t i) {
  return 0.5 * theta + std::sin(0.3 * t + static_cast<double>(i));
}

// Longer than a SIMD register and no multiple of one: the first four are `start`.
std::vector<double> long_start() {
  std::vector<double> x = start;
  for (int i = 4; i < 37; ++i) x.push_back(std::cos(i));
  return x;
}

void one_step(Optimizer<double>& optimizer, int t) {
  const Variable<double>& p = optimizer.parameters()[0];
  std::vector<double> g = list(p);
  for (std::size_t i = 0; i < g.size(); ++i) g[i] = slope(g[i], t, i);
  set_grad(p, g);
  optimizer.step();
}

bool near(double a, double b) {
  // A few hundred roundings of 1e-16 each, on numbers of order 1.
  return std::abs(a - b) <= 1e-12 * std::max(1.0, std::abs(b));
}

}  // namespace

TEST_CASE("optim: every rule equals its formula over 60 steps") {
  for (const RuleCase& c : cases()) {
    CAPTURE(c.name);
    const auto p = row(long_start());
    const auto optimizer = c.make(p);
    std::vector<double> expected = long_start();
    std::vector<Formula> formulas;
    for (std::size_t i = 0; i < expected.size(); ++i) formulas.push_back(c.formula());
    for (int t = 1; t <= 60; ++t) {
      one_step(*optimizer, t);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        expected[i] = formulas[i](expected[i], slope(expected[i], t, i), t);
        CAPTURE(t);
        CAPTURE(i);
        REQUIRE(near(list(p)[i], expected[i]));
      }
    }
  }
}

TEST_CASE("optim: every rule of the list has a case, and every case a rule of the list") {
  std::set<std::string> rules;
  for (const RuleCase& c : cases()) {
    const std::string_view name = c.name;
    rules.emplace(name.substr(0, name.find(',')));
  }
  const auto& names = optimizer_names();
  CHECK(rules == std::set<std::string>(names.begin(), names.end()));
}

TEST_CASE("optim: an optimiser by name is the rule with its defaults") {
  for (const std::string& name : optimizer_names()) {
    const auto p = row(start);
    const auto optimizer = make_optimizer(name, std::vector{p}, 0.25);
    CHECK(optimizer->lr() == 0.25);
    one_step(*optimizer, 1);
    for (const auto& [array, value] : optimizer->state().arrays) CHECK(value.size() == p.size());
    CHECK(optimizer->state().arrays.size() == static_cast<std::size_t>(optimizer->numbers_per_weight()));
    CHECK(list(p) != start);
  }
  CHECK(make_optimizer("adam", std::vector{row(start)}, 1)->numbers_per_weight() == 2);
  const std::string message = fmt::format("make_optimizer: there is no rule 'newton'; there are {}",
                                          fmt::join(optimizer_names(), ", "));
  CHECK_THROWS_WITH_AS(make_optimizer("newton", std::vector{row(start)}, 1), message.c_str(), UsageError);
}

TEST_CASE("optim: every rule that PyTorch has equals it after 3 and 60 steps") {
  std::map<std::string, const GoldenOptimiser*> goldens;
  for (const GoldenOptimiser& golden : golden_optimisers) goldens[golden.name] = &golden;
  for (const RuleCase& c : cases()) {
    if (!c.in_pytorch) continue;
    CAPTURE(c.name);
    REQUIRE(goldens.contains(c.name));
    const GoldenOptimiser& golden = *goldens[c.name];
    goldens.erase(c.name);
    const auto p = row(start);
    const auto optimizer = c.make(p);
    for (int t = 1; t <= 60; ++t) {
      one_step(*optimizer, t);
      if (t != 3 && t != 60) continue;
      for (std::size_t i = 0; i < start.size(); ++i) {
        CHECK(near(list(p)[i], (t == 3 ? golden.after_3 : golden.after_60)[i]));
      }
    }
  }
  CHECK(goldens.empty());  // a golden without its case
}

TEST_CASE("optim: float follows double") {
  const auto p = row<float>({0.5, -1.0}), q = row<float>({0.5, -1.0});
  Adam<float> optimizer(std::vector{p}, {.lr = 0.05});
  Formula formula = adam({.lr = 0.05});
  double expected = 0.5;
  for (int t = 1; t <= 60; ++t) {
    const double g = slope(list(p)[0], t, 0);
    set_grad(p, {g, 0.0});
    expected = formula(expected, slope(expected, t, 0), t);
    optimizer.step();
  }
  CHECK(list(p)[0] == doctest::Approx(expected).epsilon(1e-4));  // 60 steps of 0.05 with 6e-8 relative each
  CHECK(list(p)[1] == -1.0);
}

TEST_CASE("optim: a saved state continues to the bit") {
  for (const RuleCase& c : cases()) {
    CAPTURE(c.name);
    const auto p = row(start);
    const auto optimizer = c.make(p);
    for (int t = 1; t <= 5; ++t) one_step(*optimizer, t);
    optimizer->set_lr(0.03);

    const auto q = row(list(p));
    const auto resumed = c.make(q);
    resumed->load_state(optimizer->state());
    CHECK(resumed->lr() == 0.03);
    for (int t = 6; t <= 10; ++t) {
      one_step(*optimizer, t);
      one_step(*resumed, t);
    }
    CHECK(list(p) == list(q));
  }
}

TEST_CASE("optim: the state has PyTorch's names") {
  const auto p = row(start), unused = row(start);
  Adam<double> optimizer(std::vector{unused, p}, {.amsgrad = true});
  CHECK(optimizer.state().arrays.empty());
  set_grad(p, start);
  optimizer.step();
  const auto state = optimizer.state();
  std::vector<std::string> names;
  for (const auto& [name, array] : state.arrays) names.push_back(name);
  CHECK(names == std::vector<std::string>{"1.exp_avg", "1.exp_avg_sq", "1.max_exp_avg_sq"});
  CHECK(state.steps == std::map<std::size_t, std::uint64_t>{{1, 1}});
  CHECK(Sgd<double>(std::vector{p}).state().learning_rates == std::vector{1e-3});
}

TEST_CASE("optim: a parameter without gradient, or frozen, stays as it is and is not decayed") {
  auto p = row(start), q = row(start);
  AdamW<double> optimizer(std::vector{p, q}, {.weight_decay = 0.5});
  set_grad(p, start);
  set_grad(q, start);
  q.requires_grad(false);
  optimizer.step();
  CHECK(list(p) != start);
  CHECK(list(q) == start);
  const auto before = list(p);
  optimizer.zero_grad();
  optimizer.step();
  CHECK(list(p) == before);
  CHECK(optimizer.state().steps.at(0) == 1);
}

TEST_CASE("optim: a parameter of which only a slice was used is updated, with zeros elsewhere") {
  const auto p = row({1, 2, 3, 4});
  Sgd<double> optimizer(std::vector{p}, {.lr = 1});
  sum(slice(p, 0, 1, 3)).backward();
  optimizer.step();
  CHECK(list(p) == std::vector{1.0, 1.0, 2.0, 4.0});
}

TEST_CASE("optim: groups have options and learning rates of their own") {
  const auto p = row({1.0}), q = row({1.0});
  Sgd<double> optimizer(std::vector{p}, {.lr = 0.1});
  optimizer.add_group(std::vector{q}, {.lr = 0.5, .weight_decay = 1});
  CHECK(optimizer.groups() == 2);
  set_grad(p, {1.0});
  set_grad(q, {1.0});
  optimizer.set_lr(0.25, 1);
  optimizer.step();
  CHECK(list(p)[0] == 1 - 0.1);
  CHECK(list(q)[0] == 1 - 0.25 * 2);
  optimizer.set_lr(0);
  CHECK(optimizer.lr(0) == 0);
  CHECK(optimizer.lr(1) == 0);
  CHECK(optimizer.options(1).lr == 0.5);
  CHECK_THROWS_AS(optimizer.set_lr(0.1, 2), IndexError);
  CHECK_THROWS_AS(optimizer.set_lr(-0.1), UsageError);
}

TEST_CASE("optim: a step is a change of the parameter's version") {
  const auto p = row({1.0});
  Sgd<double> optimizer(std::vector{p});
  const Variable<double> y = sum(square(p));
  set_grad(p, {1.0});
  const auto before = p.version();
  optimizer.step();
  CHECK(p.version() > before);
  CHECK_THROWS_AS(y.backward(), UsageError);
}

TEST_CASE("optim: memory is taken at the first step only") {
  const auto p = row(long_start());
  Adam<double> optimizer(std::vector{p}, {.amsgrad = true});
  set_grad(p, long_start());
  optimizer.step();
  const auto before = pool_stats();
  for (int t = 0; t < 10; ++t) optimizer.step();
  CHECK(pool_stats().in_use == before.in_use);
  CHECK(pool_stats().system_allocations == before.system_allocations);
}

TEST_CASE("optim: parameters that are none are refused") {
  const auto p = row(start);
  const Variable<double> result = p * 2.0;
  using List = std::vector<Variable<double>>;
  CHECK_THROWS_WITH_AS(Adam<double>(List{}), "adam: the list of parameters is empty", UsageError);
  CHECK_THROWS_AS(Adam<double>(List{Variable<double>()}), UsageError);
  CHECK_THROWS_AS(Adam<double>(List{result}), UsageError);
  CHECK_THROWS_WITH_AS(Adam<double>(List{p, p}), "adam: (4,) is listed twice; list each parameter once",
                       UsageError);
  Sgd<double> optimizer(List{p});
  CHECK_THROWS_AS(optimizer.add_group(List{p}), UsageError);
  CHECK(optimizer.groups() == 1);
  CHECK(optimizer.parameters().size() == 1);
}

TEST_CASE("optim: options stand in PyTorch's order") {
  const std::vector all{row(start)};
  Sgd<double>(all, {.lr = 1, .momentum = 0, .dampening = 0, .weight_decay = 0, .nesterov = false});
  Adam<double>(all, {.lr = 1, .beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .amsgrad = false});
  AdamW<double>(all, {.lr = 1, .beta1 = 0, .beta2 = 0, .eps = 1, .weight_decay = 0, .amsgrad = false});
  Lion<double>(all, {.lr = 1, .beta1 = 0, .beta2 = 0, .weight_decay = 0});
  RmsProp<double>(all, {.lr = 1, .alpha = 0, .eps = 1, .weight_decay = 0, .momentum = 0, .centered = false});
  Adagrad<double>(all, {.lr = 1, .lr_decay = 0, .weight_decay = 0, .initial_accumulator_value = 0, .eps = 1});
  Adadelta<double>(all, {.lr = 1, .rho = 0, .eps = 1, .weight_decay = 0});
}

TEST_CASE("optim: options out of range are refused") {
  const auto p = std::vector{row(start)};
  const double nan = std::nan(""), inf = std::numeric_limits<double>::infinity();
  CHECK_THROWS_WITH_AS(Adam<double>(p, {.lr = -1}), "adam: lr must be finite and at least 0; got -1",
                       UsageError);
  CHECK_THROWS_WITH_AS(Adam<double>(p, {.beta1 = 1}), "adam: beta1 must be in [0, 1); got 1", UsageError);
  CHECK_THROWS_AS(Adam<double>(p, {.lr = nan}), UsageError);
  CHECK_THROWS_AS(Adam<double>(p, {.beta2 = nan}), UsageError);
  CHECK_THROWS_AS(AdamW<double>(p, {.eps = -1e-8}), UsageError);
  CHECK_THROWS_AS(AdamW<double>(p, {.weight_decay = inf}), UsageError);
  CHECK_THROWS_AS(Lion<double>(p, {.beta1 = 1}), UsageError);
  CHECK_THROWS_AS(Lion<double>(p, {.beta2 = -1}), UsageError);
  CHECK_THROWS_AS(Lion<double>(p, {.weight_decay = -1}), UsageError);
  CHECK_THROWS_AS(Sgd<double>(p, {.momentum = -0.5}), UsageError);
  CHECK_THROWS_AS(Sgd<double>(p, {.dampening = nan}), UsageError);
  CHECK_THROWS_AS(Sgd<double>(p, {.nesterov = true}), UsageError);
  CHECK_THROWS_AS(Sgd<double>(p, {.momentum = 0.9, .dampening = 0.1, .nesterov = true}), UsageError);
  CHECK_THROWS_AS(RmsProp<double>(p, {.alpha = 1.5}), UsageError);
  CHECK_THROWS_AS(Adagrad<double>(p, {.lr_decay = -1}), UsageError);
  CHECK_THROWS_AS(Adagrad<double>(p, {.initial_accumulator_value = -1}), UsageError);
  CHECK_THROWS_AS(Adadelta<double>(p, {.rho = -0.1}), UsageError);
  CHECK_THROWS_WITH_AS(Adadelta<double>(p, {.eps = 0}),
                       "adadelta: eps must be above 0, or no step is ever made; got 0", UsageError);
}

TEST_CASE("optim: a weight whose gradient is 0 stays where epsilon is 0, or too small for float") {
  const auto check = [](const Variable<float>& p, Optimizer<float>&& optimizer) {
    for (int step = 0; step < 3; ++step) {
      set_grad(p, {0, 2});
      optimizer.step();
    }
    CAPTURE(list(p));
    CHECK(list(p)[0] == 1);
    CHECK(list(p)[1] <= 1);  // the smallest ε of all lets Adadelta move by less than a rounding
  };
  for (const double eps : {0.0, 1e-60}) {  // the second is 0 in float
    const auto with = [&](auto make) {
      const auto p = row<float>({1, 1});
      check(p, make(std::vector{p}));
    };
    with([&](const auto& p) { return Adam<float>(p, {.eps = eps}); });
    with([&](const auto& p) { return Adam<float>(p, {.eps = eps, .amsgrad = true}); });
    with([&](const auto& p) { return AdamW<float>(p, {.eps = eps, .weight_decay = 0}); });
    with([&](const auto& p) { return RmsProp<float>(p, {.eps = eps}); });
    with([&](const auto& p) { return RmsProp<float>(p, {.eps = eps, .momentum = 0.5, .centered = true}); });
    with([&](const auto& p) { return Adagrad<float>(p, {.eps = eps}); });
    if (eps > 0) with([&](const auto& p) { return Adadelta<float>(p, {.eps = eps}); });
  }
}

TEST_CASE("optim: 60 steps of lion equal those computed apart from this library") {
  const std::vector<double> after_60 = {-0.00023614190064500523, 0.06661548713582682, 0.6417664465629914,
                                        0.07560537610270515};
  const auto p = row(start);
  Lion<double> lion(std::vector{p}, {.lr = 0.02, .weight_decay = 0.1});
  for (int t = 1; t <= 60; ++t) one_step(lion, t);
  for (std::size_t i = 0; i < start.size(); ++i) CHECK(near(list(p)[i], after_60[i]));
}

TEST_CASE("optim: lion leaves a weight without momentum and gradient where it is, and lets NaN through") {
  const auto p = row({1, 2, 3});
  Lion<double> lion(std::vector{p}, {.lr = 0.5});
  set_grad(p, {0, 1e-300, std::nan("")});
  lion.step();
  CHECK(list(p)[0] == 1);
  CHECK(list(p)[1] == 1.5);
  CHECK(std::isnan(list(p)[2]));
}

TEST_CASE("optim: a state of another optimiser is refused and changes nothing") {
  const auto p = row(start), q = row(start);
  Adam<double> optimizer(std::vector{p});
  set_grad(p, start);
  optimizer.step();
  const auto good = optimizer.state();
  const auto refused = [&](OptimizerState<double> state, const char* message) {
    CHECK_THROWS_WITH_AS(optimizer.load_state(state), message, UsageError);
  };
  auto bad = good;
  bad.learning_rates.push_back(1);
  refused(bad, "adam: the state has 2 groups; the optimiser has 1");
  bad = good;
  bad.steps[1] = 1;
  refused(bad, "adam: the state has a parameter 1; the optimiser has 1");
  bad = good;
  bad.arrays.erase("0.exp_avg_sq");
  refused(bad, "adam: the state has no exp_avg_sq for parameter 0, (4,)");
  bad = good;
  bad.arrays["0.exp_avg"] = row({1.0});
  refused(bad, "adam: the state's exp_avg for parameter 0, (4,), has the shape (1,)");
  bad = good;
  bad.arrays["0.max_exp_avg_sq"] = row(start);
  refused(bad, "adam: the state's \"0.max_exp_avg_sq\" belongs to other options or another rule");
  CHECK(optimizer.state().steps == good.steps);
  Sgd<double> other(std::vector{q}, {.momentum = 0.9});
  CHECK_THROWS_AS(other.load_state(good), UsageError);
}
