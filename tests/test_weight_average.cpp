#include "unroll/optim/weight_average.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

double weight_at(int t, std::size_t i) { return std::sin(0.7 * t + static_cast<double>(i)); }

void set_weights(Variable<double> p, int t) {
  double* at = p.mutable_data();
  for (std::size_t i = 0; i < static_cast<std::size_t>(p.size()); ++i) at[i] = weight_at(t, i);
}

// Σ factor_k θ_k of the closed form, after `count` updates; θ_0 are the weights at the start.
double average_by_hand(const WeightAverageOptions& o, int count, std::size_t i) {
  const double d = o.decay;
  double sum = 0, factors = 0;
  for (int k = 1; k <= count; ++k) {
    const double factor = o.bias_correction ? std::pow(d, count - k) : (1 - d) * std::pow(d, count - k);
    sum += factor * weight_at(k, i);
    factors += factor;
  }
  if (o.bias_correction) return sum / factors;
  return sum + std::pow(d, count) * weight_at(0, i);
}

}  // namespace

TEST_CASE("weight_average: it equals the closed form, with and without bias correction, and the plain mean") {
  for (const WeightAverageOptions& o : {WeightAverageOptions{.decay = 0.9},
                                        {.decay = 0.9, .bias_correction = false},
                                        {.decay = 1},
                                        {.decay = 0}}) {
    CAPTURE(o.decay);
    const auto p = random_parameter({5}, 1);
    set_weights(p, 0);
    WeightAverage<double> average(std::vector{p}, o);
    CHECK(list(average.averages()[0]) == list(p));
    for (int t = 1; t <= 30; ++t) {
      set_weights(p, t);
      average.update();
      CHECK(average.updates() == static_cast<std::uint64_t>(t));
      for (std::size_t i = 0; i < 5; ++i)
        CHECK(std::abs(list(average.averages()[0])[i] - average_by_hand(o, t, i)) < 1e-14);
    }
  }
}

TEST_CASE(
    "weight_average: in use, the parameters hold the averages, and get back what they held to the bit") {
  const auto p = random_parameter({4}, 1), q = random_parameter({2, 3}, 2);
  WeightAverage average(std::vector{p, q}, {.decay = 0.5});
  for (int t = 1; t < 4; ++t) set_weights(p, t), set_weights(q, t + 1), average.update();
  const std::vector<double> before = list(p), before_q = list(q), mean = list(average.averages()[0]);
  const auto version = p.version();
  {
    const auto in_use = average.use();
    CHECK(list(p) == mean);
    CHECK(list(p) != before);
    CHECK(p.version() > version);  // what was computed from the last weights can no longer be run back
    CHECK_THROWS_WITH_AS(
        average.update(),
        "weight_average: update() while the averages are in use; end the scope of use() first", UsageError);
    CHECK_THROWS_AS((void)average.use(), UsageError);
    CHECK_THROWS_AS(average.restart(), UsageError);
    CHECK_THROWS_AS((void)average.state(), UsageError);
    CHECK_THROWS_AS(average.load_state({}), UsageError);
  }
  CHECK(list(p) == before);
  CHECK(list(q) == before_q);
  CHECK(list(average.averages()[0]) == mean);
  average.restart();
  CHECK(list(average.averages()[0]) == before);
  CHECK(average.updates() == 0);
}

TEST_CASE("weight_average: a saved state goes on to the bit, and one that does not fit changes nothing") {
  const auto p = random_parameter({4}, 1), q = random_parameter({4}, 1);
  WeightAverage<double> a(std::vector{p}, {.decay = 0.99}), b(std::vector{q}, {.decay = 0.99});
  for (int t = 1; t < 4; ++t) set_weights(p, t), a.update();
  io::TensorFile file("file");
  save_state(a, file);
  CHECK(file.names() == std::vector<std::string>{"average.0", "average.updates"});
  load_state(b, file);
  for (int t = 4; t < 8; ++t) set_weights(p, t), set_weights(q, t), a.update(), b.update();
  CHECK(list(a.averages()[0]) == list(b.averages()[0]));

  const auto small = random_parameter({3}, 1);
  WeightAverage<double> other(std::vector{small});
  CHECK_THROWS_WITH_AS(load_state(other, file),
                       "file: weight_average: the state's array 0 for (3,) has the shape (4,)", DataError);
  CHECK_THROWS_WITH_AS(b.load_state({{p, p}, 1}),
                       "weight_average: the state has 2 arrays; there are 1 parameters", UsageError);
  CHECK_THROWS_WITH_AS(b.load_state({{Variable<double>()}, 1}),
                       "weight_average: the state's array 0 for (4,) is empty", UsageError);
  CHECK(list(a.averages()[0]) == list(b.averages()[0]));
  CHECK(other.updates() == 0);
}

TEST_CASE("weight_average: options and parameters that are none are refused") {
  const auto p = random_parameter({4}, 1);
  using Average = WeightAverage<double>;
  CHECK_THROWS_WITH_AS(Average(std::vector{p}, {.decay = 1.5}),
                       "weight_average: decay must be in [0, 1]; got 1.5", UsageError);
  CHECK_THROWS_AS(Average(std::vector{p}, {.decay = std::nan("")}), UsageError);
  CHECK_THROWS_WITH_AS(
      Average(std::vector{p}, {.decay = 1, .bias_correction = false}),
      "weight_average: with a decay of 1 and no bias correction the average would never move", UsageError);
  CHECK_THROWS_WITH_AS(Average(std::vector<Variable<double>>{}),
                       "weight_average: the list of parameters is empty", UsageError);
  CHECK_THROWS_WITH_AS(Average(std::vector{p, p}),
                       "weight_average: (4,) is listed twice; list each parameter once", UsageError);
  CHECK_THROWS_AS(Average(std::vector{Variable<double>(p * 2.0)}), UsageError);
}

TEST_CASE("non_monotonic_trigger: it waits until a loss is above the least of all but the last n") {
  NonMonotonicTrigger trigger(2);
  for (const double loss : {5.0, 4.0, 6.0}) CHECK(!trigger.observe(loss));
  CHECK(trigger.observe(6));  // above 5, the least of all but the last two
  CHECK(trigger.observe(0));
  NonMonotonicTrigger falls(1);
  for (int k = 0; k < 10; ++k) CHECK(!falls.observe(10 - k));
  CHECK(falls.observe(std::nan("")));
  CHECK_THROWS_WITH_AS(NonMonotonicTrigger(0), "non_monotonic_trigger: the interval must be at least 1",
                       UsageError);
}

TEST_CASE("non_monotonic_trigger: its state is saved and loaded") {
  NonMonotonicTrigger trigger(2), again(2);
  trigger.observe(3), trigger.observe(2), trigger.observe(5);
  io::TensorFile file("file");
  save_state(trigger, file);
  load_state(again, file);
  CHECK(again.state().losses == trigger.state().losses);
  CHECK(trigger.observe(4) == again.observe(4));
  CHECK(again.triggered());
  save_state(again, file, "later");
  load_state(trigger = NonMonotonicTrigger(2), file, "later");
  CHECK(trigger.triggered());
  io::TensorFile bad("bad");
  bad.add<double>("trigger.losses", {1}, std::vector{std::nan("")});
  bad.add<std::uint64_t>("trigger.triggered", {}, std::vector<std::uint64_t>{0});
  CHECK_THROWS_WITH_AS(load_state(again, bad), "bad: non_monotonic_trigger: the state has a loss that is NaN",
                       DataError);
}
