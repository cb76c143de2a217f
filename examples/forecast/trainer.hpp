#pragma once
/// \file One run of training, as the loop sees it.

#include "common/training.hpp"
#include "forecast/dataset.hpp"
#include "unroll/data/batches.hpp"

namespace unroll::forecast {

using SavedRun = program::SavedRunOf<TrainOptions, Reading>;

/// The model as it was saved.
Forecaster trained_model(const SavedRun& run);

/// What a run learns from.
struct Dataset {
  Source source;
  Reading reading;
  Preparation preparation;
  std::vector<RowRange> train, valid;
};
/// Reads the file, splits it in time, and finds out on the part that trains what `reading` holds.
/// Errors: as read_source; DataError for a file with too few rows.
Dataset open_dataset(const TrainOptions& options, const SavedRun* earlier);
/// The same of parts of a source that are given.
Dataset make_dataset(const TrainOptions& options, Source source, Reading reading, std::vector<RowRange> train,
                     std::vector<RowRange> valid);

class Trainer final : public program::ModelTrainer<TrainOptions, Reading, Forecaster> {
 public:
  Trainer(const TrainOptions& options, const Dataset& data, Forecaster model, const SavedRun* earlier);
  /// Reads the file and prints what there is. With `init` the networks begin with those of that run; scaling, filling and
  /// the linear part are fitted on the file.
  /// Errors: as open_dataset; DataError if the inputs of `init` are others.
  static std::unique_ptr<Trainer> open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init = nullptr);

  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  std::optional<Evaluation> evaluate() override;
  bool keep_last() const override { return ModelTrainer::keep_last() && valid_; }
  std::int64_t steps_per_epoch() const override { return batches_.size(); }
  std::string unit() const override { return "origin"; }
  nlohmann::ordered_json configuration() const override;

  /// The root mean square error of each step ahead on the validation rows, in the data's units.
  std::vector<double> validation_errors() const;

  const Origins& train_origins() const { return train_; }
  const std::optional<Origins>& valid_origins() const { return valid_; }

 private:
  struct Measured {
    double loss;
    std::vector<double> rmse;
  };
  Measured measure() const;

  Source source_;
  Preparation preparation_;
  Origins train_;
  std::optional<Origins> valid_;
  BucketedBatches batches_;
  std::vector<std::vector<std::int64_t>> order_;  // the batches of epoch_
  std::int64_t epoch_ = -1;
};

}  // namespace unroll::forecast
