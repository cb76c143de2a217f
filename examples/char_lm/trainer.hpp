#pragma once
/// \file One run of training, as the loop sees it.

#include <optional>

#include "char_lm/saved_run.hpp"
#include "char_lm/shared_state.hpp"
#include "common/training.hpp"

namespace unroll::char_lm {

class Trainer final : public program::ModelTrainer<TrainOptions, Reading, LanguageModel> {
 public:
  /// Errors: DataError if the text is too short; UsageError for a cell or optimiser that does not exist.
  Trainer(const TrainOptions& options, const Corpus& corpus, Reading reading, const SavedRun* earlier);
  /// Reads the text, checks that the machine can hold the model, and prints what there is.
  static std::unique_ptr<Trainer> open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init = nullptr);

  /// Trains by shards from now on; the carried state is cut likewise.
  void share(const Shards& shards);
  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  std::optional<Evaluation> evaluate() override;
  std::string remark(const Evaluation& valid) override;
  std::string example() override;
  std::string report() override;
  void describe_model(RunDetails& details) override;
  std::int64_t steps_per_epoch() const override { return train_.windows(); }
  std::string unit() const override { return unit_of(reading_.level); }
  nlohmann::ordered_json configuration() const override;

 private:
  static std::unique_ptr<Trainer> open_here(const TrainOptions& options, const SavedRun* earlier,
                                            const SavedRun* init);
  StepResult shared_step(std::int64_t index);
  void save_more(io::TensorFile& to) const override;
  void help_save() override;
  /// The loss of subwords as one that levels can be compared by.
  double bits_per_char(double loss) const;

  std::string text_name_;
  std::int64_t symbols_;
  Streams train_;
  std::optional<Streams> valid_;
  double frequency_loss_ = 0;  ///< of the validation part
  double characters_ = 0;      ///< of a subword there, on average; 0 at other levels
  std::optional<double> best_loss_;
  CarriedState state_;                ///< of all streams; not used where there are shards
  std::vector<CarriedState> states_;  ///< of this process's shards
};

}  // namespace unroll::char_lm
