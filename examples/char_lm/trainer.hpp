#pragma once
/// \file One run of training, as the loop sees it.

#include <functional>
#include <memory>
#include <optional>

#include "examples/char_lm/saved_run.hpp"
#include "optim/optimizer.hpp"
#include "train/run_folder.hpp"

namespace unroll::char_lm {

class Trainer final : public TrainingTask {
 public:
  /// A new run, or with `earlier` one that goes on from there.
  /// Errors: DataError if the text is too short; UsageError for a cell or optimiser that does not exist.
  Trainer(const TrainOptions& options, const Corpus& corpus, Reading reading, RunFolder folder,
          const SavedRun* earlier);

  StepResult train_step(std::int64_t index) override;
  std::optional<double> evaluate() override;
  std::string example() override;
  void save(const LoopState& state, bool best) override;

  const LanguageModel& model() const { return model_; }
  const Streams& train_streams() const { return train_; }
  const std::optional<Streams>& valid_streams() const { return valid_; }

 private:
  /// Ends a run in which `what` is not finite; `again` does it once more, to find out why.
  [[noreturn]] void fail_diverged(const std::string& what, const std::function<void()>& again) const;

  TrainOptions options_;
  Reading reading_;
  std::string text_checksum_;
  RunFolder folder_;
  LanguageModel model_;
  std::vector<Variable<float>> parameters_;
  std::unique_ptr<Optimizer<float>> optimizer_;
  Streams train_;
  std::optional<Streams> valid_;
  CarriedState state_;
};

}  // namespace unroll::char_lm
