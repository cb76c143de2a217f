#pragma once
/// \file Finding a learning rate: one that rises from step to step, and what the loss does.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "unroll/train/model_task.hpp"

namespace unroll {

struct LrFinderOptions {
  double lowest = 1e-6, highest = 10;  ///< the first rate and the last
  std::int64_t steps = 200;            ///< from one to the other, by equal factors
  double smoothing = 0.9;              ///< d: the mean of the losses forgets by this factor
  double divergence =
      4;  ///< it ends where the mean is above the first loss, and so many times above the least
};

/// A rate that was tried.
struct LrPoint {
  double rate;    ///< of the update that followed the loss
  double loss;    ///< of the step
  double smooth;  ///< the mean of the losses until then, Σ d^(k − i) lossᵢ / Σ d^(k − i)
};

/// Raises the rate from step to step, and notes the losses.
/// Source: Smith 2017, "Cyclical learning rates for training neural networks".
class LrFinder {
 public:
  /// Errors: UsageError for options out of range.
  explicit LrFinder(const LrFinderOptions& options = {});

  /// The rate of the next update.
  double rate() const;
  /// Takes the loss before that update. Returns whether to go on: false after the last step, for a loss that is not
  /// finite, and where losses have diverged.
  bool observe(double loss);
  /// What was observed.
  const std::vector<LrPoint>& points() const { return points_; }
  /// The rate where the mean of the losses is least.
  /// Errors: UsageError before anything was observed.
  const LrPoint& lowest() const;
  /// A tenth of that rate; none where losses did not fall before, or fall until the end.
  std::optional<double> suggestion() const;

 private:
  LrFinderOptions options_;
  std::vector<LrPoint> points_;
  double sum_ = 0, weight_ = 0;
};

/// Raises the rate of a task from step to step; `probe` sets it, as Learner::probe. The task's model is spoilt by it.
LrFinder find_learning_rate(RunTask& task, const std::function<void(double)>& probe,
                            const LrFinderOptions& options = {}, const std::function<bool()>& stop = {});
/// The same for a task with a Learner.
template <class Task>
requires requires(Task& task) { task.learner().probe(1.); }
LrFinder find_learning_rate(Task& task, const LrFinderOptions& options = {},
                            const std::function<bool()>& stop = {}) {
  return find_learning_rate(
      task, [&](double rate) { task.learner().probe(rate); }, options, stop);
}

/// A table of the points as CSV: `learning_rate,loss,smoothed_loss`.
std::string to_csv(const std::vector<LrPoint>& points);
/// The curve as text, one line for each of some rates, with a bar as long as the loss is high.
std::string to_bars(const std::vector<LrPoint>& points, int lines = 20, int width = 40);

}  // namespace unroll
