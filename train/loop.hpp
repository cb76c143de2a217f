#pragma once
/// \file The training loop, once for all programs: steps, evaluations, checkpoints, progress, stopping.

#include <cstdint>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unroll/train/metrics_log.hpp"
#include "unroll/train/peers.hpp"
#include "unroll/train/progress.hpp"

namespace unroll {

/// How long to train and how often to do what. Counts are in steps, one step being one update.
struct LoopPlan {
  std::int64_t steps_per_epoch = 1;  ///< updates in an epoch
  std::int64_t epochs = 1;           ///< passes over the data
  std::int64_t evaluate_every = 0;   ///< 0: at the end of every epoch; the end of the run always counts
  std::int64_t log_every = 50;       ///< a line in the log
  double save_seconds = 300;         ///< a checkpoint at least this often
  double time_limit = 0;             ///< seconds after which to evaluate, save and end; 0: none
  std::string unit = "char";         ///< what a step is counted in
  std::string best_by = "";  ///< the figure that decides which model is best, the larger; empty: the loss
  bool keep_last = false;    ///< the latest model counts as the best: validation measures and does not choose
  std::int64_t patience = 0;  ///< the run ends after so many evaluations without a new best; 0: it goes on
  Peers* peers = nullptr;  ///< the processes that share the training, of which this is number 0; null: none
  std::string checkpoint = "";  ///< with peers: what their messages call the last checkpoint
};

/// A mean of losses weighted by the number of symbols each stands for.
struct WeightedMean {
  double sum = 0, weight = 0;  ///< of the losses so far
  /// Takes a loss and the number of symbols.
  void add(double value, double its_weight) { sum += value * its_weight, weight += its_weight; }
  /// The mean; 0 of nothing.
  double value() const { return weight > 0 ? sum / weight : 0; }
};

/// Where the time of updates goes, in seconds.
struct StepSeconds {
  double forward = 0;   ///< computing the loss
  double backward = 0;  ///< its gradient, and clipping
  double update = 0;    ///< the optimiser and averages of the weights
};

/// What a line of the log tells of the updates since the line before.
struct StepsSinceLog {
  WeightedMean loss = {};           ///< by symbols
  WeightedMean gradient_norm = {};  ///< of the updates that were made
  double largest_norm = 0;          ///< of them
  std::int64_t clipped = 0;         ///< updates whose gradient was clipped
  std::int64_t skipped = 0;         ///< updates left out for a bad gradient
};

/// Where a run stands, all of it: the loop continued from a saved state is the loop not interrupted.
struct LoopState {
  std::int64_t step = 0;            ///< updates done
  double seconds = 0;               ///< spent in updates
  std::optional<double> best = {};  ///< lowest validation loss so far, or largest figure of LoopPlan::best_by
  std::int64_t best_step = 0;       ///< when the best was met
  std::int64_t stalled = 0;         ///< evaluations since the best one
  StepsSinceLog since_log = {};     ///< updates since the last line of the log
  WeightedMean since_evaluation = {};  ///< training losses

  /// For a checkpoint; from_json reads it, and states of earlier versions, too.
  nlohmann::ordered_json to_json() const;
  /// Errors: DataError beginning with `name` if the value is not what to_json wrote.
  static LoopState from_json(const nlohmann::ordered_json& json, std::string_view name);
};

/// What an update has measured.
struct StepResult {
  double loss;               ///< mean per symbol
  double gradient_norm;      ///< before clipping
  std::int64_t symbols;      ///< that the loss is a mean of
  double learning_rate = 0;  ///< that the update was made with
  bool clipped = false;      ///< the gradient was above the limit
  bool skipped = false;      ///< the update was left out, because its gradient is bad
  StepSeconds seconds = {};  ///< what else the step takes counts as getting the data
};

/// What validation has measured.
struct Evaluation {
  double loss;                                               ///< mean per symbol
  std::vector<std::pair<std::string, double>> figures = {};  ///< others by name, such as accuracy
};

/// What a program trains. The loop calls these, one at a time, on the thread that runs it.
class TrainingTask {
 public:
  virtual ~TrainingTask() = default;
  /// Update `index`, in [0, steps_per_epoch), of an epoch, both from 0. What is drawn for an epoch, such as
  /// the order of its batches, is a function of its number, so that a resumed run draws the same.
  virtual StepResult train_step(std::int64_t epoch, std::int64_t index) = 0;
  /// Nothing if there is nothing to validate with. Changes nothing that training depends on.
  virtual std::optional<Evaluation> evaluate() = 0;
  /// Something that lives while evaluate(), remark() and example() are called, such as WeightAverage::Use, by which
  /// the model has averaged weights; null: nothing.
  virtual std::shared_ptr<void> averaged() { return {}; }
  /// Is told what validation has measured, once its weights are those of training again: for schedules that depend on
  /// it.
  virtual void observe([[maybe_unused]] const Evaluation& valid) {}
  /// A line to show below what validation has measured, such as a warning; empty: none.
  virtual std::string remark([[maybe_unused]] const Evaluation& valid) { return {}; }
  /// Lines to show after an evaluation, such as a short sample.
  virtual std::string example() { return {}; }
  /// Writes everything needed to go on from `state`, in one piece; `best`: as the best model too.
  virtual void save(const LoopState& state, bool best) = 0;
  /// In a training that processes share, what the others do while process 0 is in save(): they send it what they alone
  /// have.
  virtual void help_save() {}
};

/// Why training ended.
enum class LoopEnd { complete, stopped, out_of_time, out_of_patience };

/// What the processes that share a training do together, each with its own task: process 0 says it in its loop, and at its
/// end; the others follow_loop().
enum class SharedAction : std::int64_t { step, evaluate, ask_to_stop, save, end };
/// Process 0: what all do next; of a step its epoch and index.
/// Errors: as Peers.
void lead(Peers* peers, SharedAction action, std::int64_t epoch = 0, std::int64_t index = 0);
/// The others: do what process 0 says, until it says that the training has ended. `stop` is asked after every step;
/// `checkpoint` is what messages call the last one.
/// Errors: what the task throws; as Peers.
void follow_loop(TrainingTask& task, Peers& peers, const std::function<bool()>& stop,
                 const std::string& checkpoint = {});

/// Runs a task to the end of its plan. At each evaluation it prints losses, figures, and `new best` or
/// `stalled n`, and saves. The log has a line every `log_every` steps and one for each evaluation.
/// Lifetime: task, progress and log outlive it.
class TrainingLoop {
 public:
  /// Errors: UsageError if the plan has a count or time out of range, or patience although validation does not choose.
  TrainingLoop(LoopPlan plan, LoopState state, TrainingTask& task, Progress& progress, MetricsLog& log);

  /// Trains until the plan is done, its time or patience is up, or `stop()`, asked after every step, is true.
  /// What the task throws passes through; the last checkpoint then stands as it was.
  LoopEnd run(const std::function<bool()>& stop);
  /// Where the run stands.
  const LoopState& state() const { return state_; }

 private:
  void step();
  void evaluate();
  void save(bool best);
  bool evaluation_due() const;
  /// Compares an evaluation with the best one so far, and remembers it; returns whether it is the best now.
  bool is_best(const Evaluation& valid);
  std::int64_t total() const { return plan_.epochs * plan_.steps_per_epoch; }
  bool out_of_patience() const { return plan_.patience > 0 && state_.stalled >= plan_.patience; }
  double epochs_done() const;
  /// Whether any process was asked to stop.
  bool stopped(bool mine) const;
  void take(const StepResult& result, double spent);
  void show(const StepResult& result);
  void write_steps();
  struct Measured {
    std::optional<Evaluation> valid;
    bool averaged;
    double seconds = 0;
    std::string remark = {}, example = {};
  };
  Measured measure();

  LoopPlan plan_;
  LoopState state_;
  TrainingTask& task_;
  Progress& progress_;
  MetricsLog& log_;
  RateMeter rate_;
  std::int64_t first_step_, saved_step_;
  double begin_ = 0, saved_at_ = 0;
  double learning_rate_ = 0, data_seconds_ = 0;
  StepSeconds seconds_;
};

}  // namespace unroll
