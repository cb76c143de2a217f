#pragma once
/// \file The Learner of all programs: made from their options, whose names its messages tell.

#include "common/options.hpp"
#include "unroll/train/learner.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::program {

class ProgramLearner : public Learner<float> {
 public:
  /// Errors: UsageError for an optimiser that does not exist, and for options that do not go together.
  ProgramLearner(const RunOptions& options, std::vector<Variable<float>> parameters);

  using Learner<float>::update;
  /// The same; the epoch is known.
  StepResult update(const Variable<float>& loss, std::int64_t symbols, std::int64_t,
                    const std::function<Variable<float>()>& again) {
    return update(loss, symbols, again);
  }

 protected:
  std::string remedy() const override;

 private:
  RunFolder folder_;
};

}  // namespace unroll::program
