#pragma once
/// \file One run of training, as the loop sees it.

#include <optional>

#include "common/training.hpp"
#include "translate/options.hpp"
#include "translate/quality.hpp"
#include "unroll/optim/schedule.hpp"

namespace unroll::translate {

using SavedRun = SavedRunOf<TrainOptions, Reading>;

/// The number of the model's weights, at least.
double least_weights(const TrainOptions& options, const Reading& reading);
/// The model of a run's options, with random weights.
Translator new_model(const TrainOptions& options, const Reading& reading);
/// The model of a saved run, in evaluation mode.
/// Errors: DataError if its weights do not fit.
Translator trained_model(const SavedRun& run);

/// The pairs that train, and those that validate.
struct PairFiles {
  std::vector<TextPair> train = {}, valid = {};
  std::int64_t left_out = 0;  ///< for being too long
};
/// Errors: DataError for files that do not serve, or where all pairs are too long.
PairFiles read_files(const TrainOptions& options);

class Trainer final : public ModelTrainer<TrainOptions, Reading, Translator> {
 public:
  Trainer(const TrainOptions& options, const PairFiles& files, Reading reading, const SavedRun* earlier);
  static std::unique_ptr<Trainer> open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init = nullptr);

  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  /// Loss and perplexity of the true words; exact matches and BLEU of what greedy decoding says.
  std::optional<Evaluation> evaluate() override;
  std::string example() override;
  void describe_model(RunDetails& details) override;
  std::int64_t steps_per_epoch() const override { return batches_.size(); }
  std::string unit() const override { return reading_.unit(); }
  nlohmann::ordered_json configuration() const override;

 private:
  std::vector<TextPair> valid_pairs_;
  Corpus train_, valid_;
  BucketedBatches batches_;
  std::optional<Schedule> truth_;  ///< the share of true words that the decoder hears; none: all
  std::vector<std::vector<std::int64_t>> epoch_batches_;
  std::int64_t epoch_ = -1;  ///< whose batches these are
};

}  // namespace unroll::translate
