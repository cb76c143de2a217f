#pragma once
/// \file One run of training, as the loop sees it.

#include "classify/scores.hpp"
#include "common/training.hpp"
#include "unroll/data/batches.hpp"

namespace unroll::classify {

using SavedRun = program::SavedRunOf<TrainOptions, Reading>;

/// The examples of a run: those that train and those that validate, perhaps none.
struct Corpus {
  Source train, valid;  ///< the same if one file is split
  std::vector<std::int64_t> train_which, valid_which;
  std::string checksum;
};
/// Reads and splits.
/// Errors: UsageError for options that do not go together; DataError for bad files.
Corpus read_corpus(const TrainOptions& options);

/// A model with parameters drawn from the options' seed.
Classifier new_model(const TrainOptions& options, const Reading& reading);
/// The model as it was saved.
Classifier trained_model(const SavedRun& run);

class Trainer final : public program::ModelTrainer<TrainOptions, Reading, Classifier> {
 public:
  Trainer(const TrainOptions& options, const Corpus& corpus, const Reading& reading, const SavedRun* earlier);
  /// Reads the examples, prints what there is and what the baselines get.
  static std::unique_ptr<Trainer> open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init = nullptr);

  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  std::optional<Evaluation> evaluate() override;
  std::string best_by() const override { return keep_last() || valid_.empty() ? "" : "accuracy"; }
  bool keep_last() const override { return ModelTrainer::keep_last() && !valid_.empty(); }
  std::string report() override;
  void describe_model(RunDetails& details) override;
  std::int64_t steps_per_epoch() const override { return batches_.size(); }
  std::string unit() const override { return "example"; }
  nlohmann::ordered_json configuration() const override;

  const std::vector<Example>& train_examples() const { return train_; }
  const std::vector<Example>& valid_examples() const { return valid_; }

 private:
  const std::optional<Scores>& kept_scores();

  std::vector<Example> train_, valid_;
  BucketedBatches batches_;
  std::vector<std::vector<std::int64_t>> order_;  // the batches of epoch_
  std::int64_t epoch_ = -1;
  std::optional<Scores> kept_scores_;  // of the model that the run leaves
};

}  // namespace unroll::classify
