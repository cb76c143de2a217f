#pragma once
/// \file One run of tag's training, as the loop sees it.

#include "common/training.hpp"
#include "tag/model.hpp"
#include "tag/options.hpp"

namespace unroll::tag {

using SavedRun = SavedRunOf<TrainOptions, Reading>;

/// The number of the model's weights, at least.
double least_weights(const TrainOptions& options, const Reading& reading);
/// A model of a run's sizes with parameters drawn from its seed.
TagModel new_model(const TrainOptions& options, const Reading& reading);
/// The model as it was saved, in evaluation mode.
TagModel trained_model(const SavedRun& run);

/// What a run learns.
struct Texts {
  std::vector<TaggedSentence> train, valid;
  std::string checksum;
};

class Tagger final : public ModelTrainer<TrainOptions, Reading, TagModel> {
 public:
  Tagger(const TrainOptions& options, const Texts& texts, Reading reading, const SavedRun* earlier);
  /// Reads the texts and prints what there is.
  /// Errors: UsageError if there is no --text, or not that of `earlier`; DataError as read_tagged.
  static std::unique_ptr<Tagger> open(const TrainOptions& options, const SavedRun* earlier,
                                      const SavedRun* init = nullptr);

  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  std::optional<Evaluation> evaluate() override;
  std::int64_t steps_per_epoch() const override { return batches_.size(); }
  std::string unit() const override { return "word"; }
  std::string best_by() const override { return "accuracy"; }
  void describe_model(RunDetails& details) override;
  nlohmann::ordered_json configuration() const override;

 private:
  void print() const;

  Corpus train_, valid_;
  BucketedBatches batches_;
  std::int64_t epoch_ = -1;
  std::vector<std::vector<std::int64_t>> order_;  ///< the batches of that epoch
};

}  // namespace unroll::tag
