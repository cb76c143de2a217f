#pragma once
/// \file One run of training, as the loop sees it.

#include <optional>

#include "addition/problem.hpp"
#include "common/training.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::addition {

using namespace program;

struct TrainOptions : RunOptions {
  static constexpr const char* kind = "addition";

  std::int64_t digits = 3, hidden = 128, batch = 128, steps = 500, tests = 1000;
  double dropout = 0, label_smoothing = 0;
  bool reversed = false;

  TrainOptions() { epochs = 12, lr = 3e-3, lr_decay = 0.75; }

  template <class Self, class Visit>
  static void visit_fixed(Self& o, Visit&& visit) {
    visit("digits", o.digits, "longest number", Allowed{.low = 1, .high = most_digits});
    visit("reversed", o.reversed, "read the question from its end", Allowed{});
    visit("hidden", o.hidden, "size of the hidden state; even: the encoder's two directions share it",
          shaping(size_from(2)));
    visit("dropout", o.dropout, "share of embeddings and outputs to drop in training", later(share()));
    visit("label-smoothing", o.label_smoothing, "share of the probability to spread over all symbols",
          later(share()));
    visit("batch", o.batch, "sums in a batch", size_from(1));
    visit("steps", o.steps, "batches in an epoch, each of new sums", size_from(1));
    visit("tests", o.tests, "sums to test with after every epoch, none of which training sees", size_from(1));
    visit_learning(o, visit);
  }
  template <class Self, class Visit>
  static void visit_changeable(Self& o, Visit&& visit) {
    visit_duration(o, visit, "times to learn from --steps batches of new sums and to test then");
  }
};

using SavedRun = SavedRunOf<TrainOptions, Reading>;
using Model = EncoderDecoder<LstmCell<float>, LuongDecoder>;

/// The number of the model's weights, at least.
double least_weights(const TrainOptions& options, const Reading& reading);
/// The model of a saved run, in evaluation mode.
/// Errors: DataError if its weights do not fit.
Model trained_model(const SavedRun& run);

/// What a model that is in evaluation mode says: its answers as they stand, and empty for none.
std::vector<std::string> answers(const Model& model, const Reading& reading, const std::vector<Sum>& sums);
/// The share of them that are right.
double share_right(const std::vector<std::string>& answers, const std::vector<Sum>& sums);

class Trainer final : public ModelTrainer<TrainOptions, Reading, Model> {
 public:
  Trainer(const TrainOptions& options, const SavedRun* earlier);
  static std::unique_ptr<Trainer> open(const TrainOptions& options, const SavedRun* earlier,
                                       const SavedRun* init = nullptr);

  StepResult train_step(std::int64_t epoch, std::int64_t index) override;
  std::optional<Evaluation> evaluate() override;
  std::string example() override;
  void describe_model(RunDetails& details) override;
  std::int64_t steps_per_epoch() const override { return options_.steps; }
  std::string unit() const override { return "digit"; }
  std::string best_by() const override { return "exact"; }
  nlohmann::ordered_json configuration() const override;

 private:
  std::vector<Sum> tests_;
};

}  // namespace unroll::addition
