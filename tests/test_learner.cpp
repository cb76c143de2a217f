#include "unroll/train/learner.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;

namespace {

Variable<float> weight(float value) { return Variable<float>({1}, value).requires_grad(true); }

/// A learner with plain gradient descent; its updates are learning rates where the loss is sum(w).
Learner<float> descent(LearningOptions options, const Variable<float>& w) {
  options.optimizer = "sgd";
  return Learner<float>(options, std::vector{w});
}

StepResult step(Learner<float>& learner, const Variable<float>& w) {
  return learner.update(sum(w), 1, [&] { return sum(w); });
}

}  // namespace

TEST_CASE("learner: each schedule begins and ends as it says") {
  const LearningPlan plan{.steps_per_epoch = 10, .epochs = 10};
  const Schedule constant = learning_rate_schedule({}, plan);
  CHECK(constant(0) == 1);
  CHECK(constant(99) == 1);
  const Schedule cosine = learning_rate_schedule({.schedule = "cosine"}, plan);
  CHECK(cosine(0) == doctest::Approx(1.0 / 3));  // warm-up: 1 + 100 / 50 steps
  CHECK(cosine(50) == doctest::Approx(0.5));
  CHECK(cosine(100) == doctest::Approx(0));
  CHECK(learning_rate_schedule({.schedule = "cosine", .warmup = 0}, plan)(0) == 1);
  const Schedule cycle = learning_rate_schedule({.schedule = "one-cycle"}, plan);
  CHECK(cycle(0) == doctest::Approx(1.0 / 25));
  CHECK(cycle(29) == doctest::Approx(1));
  CHECK(cycle(99) == doctest::Approx(1.0 / 250000));
  const Schedule decay = learning_rate_schedule({.warmup = 4, .lr_decay = 0.5}, plan);
  CHECK(decay(1) == 0.5);  // 2 of 4
  CHECK(decay(9) == 1);
  CHECK(decay(20) == 0.25);
}

TEST_CASE("learner: the step that a run goes on from decides the rate") {
  const auto w = weight(1);
  auto learner = descent({.lr = 0.5, .clip = 0, .lr_decay = 0.5}, w);
  learner.begin({.steps_per_epoch = 2, .epochs = 4, .step = 2});
  CHECK(step(learner, w).learning_rate == 0.25);
  CHECK(w.item() == 0.75F);
  step(learner, w);
  CHECK(learner.learning_rate() == 0.125);
}

TEST_CASE("learner: a gradient above the limit is clipped, and the norm before is told") {
  const auto w = weight(1);
  auto learner = descent({.lr = 1, .clip = 0.5}, w);
  const StepResult result = step(learner, w);
  CHECK(result.clipped);
  CHECK(result.gradient_norm == 1);
  CHECK(w.item() == doctest::Approx(0.5).epsilon(1e-6));
}

TEST_CASE("learner: weight decay that is given replaces the rule's own") {
  const auto w = weight(1);
  auto learner = descent({.lr = 1, .weight_decay = 0.25, .clip = 0}, w);
  learner.update(sum(0.F * w), 1);
  CHECK(w.item() == 0.75F);
}

TEST_CASE("learner: on a plateau the rate falls by the factor, and a saved learner goes on there") {
  const auto w = weight(1);
  const LearningOptions options{
      .lr = 0.5, .schedule = "plateau", .plateau_patience = 1, .plateau_factor = 0.5};
  auto learner = descent(options, w);
  for (const double loss : {2.0, 1.0, 1.0, 1.0}) learner.observe(loss);  // the second that is no better
  CHECK(learner.learning_rate() == 0.25);
  io::TensorFile file;
  learner.save(file);
  auto again = descent(options, weight(1));
  again.load(file);
  CHECK(again.learning_rate() == 0.25);
  again.observe(1.0), again.observe(1.0);
  CHECK(again.learning_rate() == 0.125);
}

TEST_CASE("learner: averages are in the parameters as long as they are asked for") {
  const auto w = weight(1);
  auto learner = descent({.lr = 0.5, .clip = 0, .ema = 0.5}, w);
  CHECK(learner.averaged() == nullptr);
  step(learner, w), step(learner, w);  // 0.5, 0
  {
    const auto in_use = learner.averaged();
    REQUIRE(in_use);
    CHECK(w.item() == doctest::Approx(1.0 / 6));  // (0.5 · 0.5 + 0) / 1.5
  }
  CHECK(w.item() == 0);
}

TEST_CASE("learner: NT-ASGD averages from when the loss is above the least of all but the last") {
  const auto w = weight(1);
  auto learner = descent({.lr = 0.25, .clip = 0, .average_after = 1}, w);
  step(learner, w), learner.observe(1.0);
  step(learner, w), learner.observe(2.0);
  CHECK(learner.averaged() == nullptr);
  learner.observe(3.0);
  step(learner, w), step(learner, w);  // 0.25, 0
  const auto in_use = learner.averaged();
  REQUIRE(in_use);
  CHECK(w.item() == 0.125F);
}

TEST_CASE("learner: a bad step is left out where that is allowed, and ten in a row are an error") {
  const auto w = weight(1);
  auto learner = descent({.lr = 1, .skip_above = 0.5}, w);
  for (int k = 0; k < 9; ++k) CHECK(step(learner, w).skipped);
  CHECK(w.item() == 1);
  CHECK_THROWS_AS(step(learner, w), Error);
  auto other = descent({.lr = 1, .skip_above = 2}, w);
  CHECK(other.update(sum(log(-w)), 1).skipped);  // not finite
  CHECK_FALSE(step(other, w).skipped);
}

TEST_CASE("learner: a rate that is tried may do anything") {
  const auto w = weight(-1);
  auto learner = descent({.lr = 1}, w);
  learner.probe(0.5);
  CHECK(learner.update(sum(log(w)), 1).skipped);
  CHECK(step(learner, w).learning_rate == 0.5);
}

TEST_CASE("learner: options out of range, or that exclude each other, are refused by name") {
  const auto refused = [](const LearningOptions& options, const char* message) {
    CHECK_THROWS_WITH_AS(options.check_options(), doctest::Contains(message), UsageError);
  };
  refused({.schedule = "linear"},
          "there is no schedule 'linear'; there are constant, cosine, one-cycle, plateau");
  refused({.lr = -1}, "lr must be in [0, ");
  refused({.lr_decay = 2}, "lr_decay must be in [0, 1]; got 2");
  refused({.warmup = -2}, "warmup -2");
  refused({.ema = 0.9, .average_after = 5}, "ema 0.9 and average_after 5 are two averages of the weights");
  refused({.schedule = "one-cycle", .warmup = 5}, "one-cycle rises by itself");
  CHECK_THROWS_WITH_AS(Learner<float>({}, std::unique_ptr<Optimizer<float>>()),
                       "learner: the optimiser is null", UsageError);
}

TEST_CASE("learner: divergence names the first cause and what to do, and nothing is updated") {
  const auto w = weight(0);
  auto learner = descent({.clip = 0}, w);
  CHECK_THROWS_WITH_AS(
      learner.update(sum(log(w)), 1, [&] { return sum(log(w)); }),
      doctest::Contains("remedy: a smaller learning rate than 0.002, or a limit for gradients"), Error);
  CHECK(w.item() == 0);
  CHECK_THROWS_WITH_AS(learner.check_valid(std::nan("")), doctest::Contains("validation loss nan"), Error);
  weight(0);
  const auto bad = weight(HUGE_VALF);
  CHECK_THROWS_WITH_AS(descent({}, bad).check_parameters(7), doctest::Contains("after step 7"), Error);
}
