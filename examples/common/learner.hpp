#pragma once
/// \file What every program does with a loss: gradient, clipping, update, and an explanation if it diverges.

#include <functional>

#include "common/optimizers.hpp"
#include "common/options.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::program {

class Learner {
 public:
  /// Errors: UsageError for an optimiser that does not exist.
  Learner(const RunOptions& options, std::vector<Variable<float>> parameters);

  /// One update by the gradient of `loss`, a mean over `symbols`. `again` computes that loss once more, with
  /// the same random numbers, to find out where a number that is not finite came from.
  /// `lr_factor` is one more factor on the learning rate of this step.
  /// Errors: Error with the first cause if loss or gradient is not finite; nothing is updated then.
  StepResult update(const Variable<float>& loss, std::int64_t symbols, std::int64_t epoch,
                    const std::function<Variable<float>()>& again, double lr_factor = 1);

  /// Errors: Error with the first cause if a validation loss, or a parameter after `step` updates, is not
  ///         finite.
  void check_valid(double loss, const std::function<void()>& again) const;
  void check_parameters(std::int64_t step) const;

  Optimizer<float>& optimizer() { return *optimizer_; }
  const Optimizer<float>& optimizer() const { return *optimizer_; }

 private:
  /// Ends a run in which `what` is not finite; `again` does it once more, to find out why.
  [[noreturn]] void fail_diverged(const std::string& what, const std::function<void()>& again) const;

  std::vector<Variable<float>> parameters_;
  std::unique_ptr<Optimizer<float>> optimizer_;
  RunFolder folder_;
  double lr_, lr_decay_, clip_;
};

}  // namespace unroll::program
