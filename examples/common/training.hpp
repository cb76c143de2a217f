#pragma once
/// \file A training run of any program: its folder, its checkpoints, going on with it, its end.

#include <optional>

#include "common/learner.hpp"
#include "common/peers.hpp"
#include "common/saved_run.hpp"
#include "unroll/layers/summary.hpp"
#include "unroll/train/model_task.hpp"
#include "unroll/train/run_details.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"
#include "unroll/train/state_dict.hpp"

namespace unroll::program {

/// What run_training asks a program's trainer beside what the loop asks.
class ProgramTask : public RunTask {
 public:
  /// What a step is counted in, as `char`.
  std::string unit() const override = 0;
  /// What to print at the end of a run beside how it ended.
  virtual std::string report() { return {}; }
  /// Adds what a report shows of the best model beside the log, at the end of a run that was not stopped.
  virtual void describe_model(RunDetails&) {}
  /// What the log's first line holds beside the options: what was found out about data and model.
  virtual nlohmann::ordered_json configuration() const = 0;
  /// The table of the model's parameters, which a report shows.
  virtual std::string model_summary() const = 0;
};

namespace internal {
/// Copies the values of parameters to those of the same names. One with more rows keeps what it has in those that are
/// added.
/// Errors: DataError if they are those of another model.
void copy_rows(const std::vector<Variable<float>>& from, const std::vector<Variable<float>>& to);
}  // namespace internal

/// A model in training, with what all programs save. A program derives from it, adds its data and says what
/// steps and evaluations are; its `static std::unique_ptr<…> open(const Options&, const Saved* earlier, const Saved* init)`
/// reads the data, prints what there is, and makes a trainer: a new run, one that goes on with `earlier`, or one that reads
/// text as `init` does, for --init, and begin_with() its model.
template <class OptionsType, class ReadingType, class Model>
class ModelTrainer : public ModelTask<Model, ProgramLearner, ProgramTask> {
 public:
  using Options = OptionsType;
  using Reading = ReadingType;
  using Saved = SavedRunOf<Options, Reading>;

  /// Errors: UsageError for an optimiser that does not exist; DataError if `earlier` is of another model.
  ModelTrainer(const Options& options, Reading reading, std::string text_checksum, Model model,
               const Saved* earlier)
      : ModelTask<Model, ProgramLearner, ProgramTask>(std::move(model), options),
        options_(options),
        reading_(std::move(reading)),
        text_checksum_(std::move(text_checksum)) {
    if (earlier) this->load_tensors(earlier->tensors);
  }

  /// Begins with the weights of a model that has been trained.
  void begin_with(const Model& trained) {
    internal::copy_rows(variables(parameters(trained)), variables(parameters(this->model_)));
  }

  void save(const LoopState& state, bool best) override {
    // The last update may have spoilt what the loss before it did not show.
    this->learner_.check_parameters(state.step);
    Saved run{{text_checksum_, state, io::TensorFile("checkpoint")}, options_, reading_};
    this->save_tensors(run.tensors);
    const RunFolder folder(options_.out);
    if (best) save_run(folder.best(), run);
    save_run(folder.last(), run);
  }

  /// Trains by shards from now on.
  void share(const Shards& shards) { shards_ = shards; }
  std::string model_summary() const override { return summary(this->model_); }
  bool keep_last() const override { return options_.keep == "last"; }
  const Options& options() const { return options_; }
  const Reading& reading() const { return reading_; }
  const std::string& text_checksum() const { return text_checksum_; }

 protected:
  using ModelTask<Model, ProgramLearner, ProgramTask>::learner_;
  using ModelTask<Model, ProgramLearner, ProgramTask>::model_;

  /// learn() by shards: `loss_of(model, examples, shard)` is the ShardLoss of some of the batch's examples.
  template <class X, class LossOf>
  StepResult learn_shards(const std::vector<X>& examples, const LossOf& loss_of) {
    return this->learn(*shards_, [&](const Model& model, int shard) -> ShardLoss<float> {
      const std::vector<X> part = shards_->part(shard, examples);
      return part.empty() ? ShardLoss<float>{} : loss_of(model, part, shard);
    });
  }

  std::optional<Shards> shards_;  ///< of each batch; none: it is not cut
  Options options_;
  Reading reading_;
  std::string text_checksum_;
};

/// Errors: UsageError if a run that goes on has learned another text; `option` is the one that names it.
void check_same_text(std::string_view name, std::string_view option, std::string_view checksum,
                     std::string_view earlier);

/// What to print of examples so long, in `unit`, where one is above 1,000 and far longer than most; else
/// nothing. `kind`: what an example is, as `sentence`.
std::string note_of_longest(std::vector<std::int64_t> lengths, std::string_view kind, std::string_view unit);

namespace internal {

/// A run's folder before the run begins: nothing in it has been touched.
struct RunPlace {
  RunFolder folder;
  std::optional<FolderLock> lock;
  std::optional<std::string> checkpoint;  ///< to go on from
};
/// Errors: UsageError if the folder holds a run that --out alone, or --resume, must not touch; DataError if
///         another program is writing there.
/// Process 0 alone takes the folder; the others learn its checkpoint.
RunPlace find_place(const RunOptions& options, const Company& company);

/// Trains to the end of the plan; `list` is that of all the program's options, `earlier` null for a run that
/// begins. Returns the exit status.
int train_there(RunPlace place, const RunOptions& options, ProgramTask& task, const OptionList& list,
                const LoopState* earlier, const StopSignals& signals, Peers* peers);
/// The same in a process that is not number 0. Returns 0.
int train_with_leader(const RunOptions& options, ProgramTask& task, const LoopState* earlier, Peers& peers);

/// Prints a line where products are in bfloat16: whether the processor has an instruction for them.
void print_precision(const RunOptions& options);

/// Tries learning rates on a trainer, and prints what came out. Returns the exit status.
int find_lr(const RunOptions& options, RunTask& task, const std::function<void(double)>& probe,
            const StopSignals& signals);
/// The file of the model to begin with, which it prints.
/// Errors: DataError if there is none.
std::string initial_checkpoint(const RunOptions& options);
/// Errors: UsageError for options that do not go together, as --out and --find-lr.
void check_run(const RunOptions& options);
/// Errors: UsageError if a run has other epochs than the one that it goes on with, and its learning rate depends on it.
void check_same_epochs(const RunOptions& now, const RunOptions& earlier);

}  // namespace internal

/// run_training() of one of the processes that mpirun started; peers null: of the only one.
template <class T>
int train_among(Peers* peers, typename T::Options options, const Given& given) {
  using Saved = typename T::Saved;
  const auto load = [](const std::string& file) {
    return load_run<typename T::Options, typename T::Reading>(file);
  };
  const StopSignals signals;
  const Company company(peers);
  std::optional<internal::RunPlace> place;
  if (options.find_lr.empty()) place = internal::find_place(options, company);
  std::optional<Saved> earlier, init;
  if (place && place->checkpoint) {
    earlier = load(*place->checkpoint);
    const auto before = earlier->options;
    options = continued(before, options, given);
    internal::check_same_epochs(options, before);
  } else if (!options.init.empty()) {
    init = load(internal::initial_checkpoint(options));
    options = begun_with(init->options, options, given);
  }
  settle_shards(options, company, earlier.has_value());
  options.threads = use_threads(options.threads);
  use_precision(options.precision);
  internal::print_precision(options);
  std::unique_ptr<T> trainer;
  company.in_turn(
      [&] { trainer = T::open(options, earlier ? &*earlier : nullptr, init ? &*init : nullptr); });
  company.check_agreement(list_of(options), trainer->text_checksum());
  if (options.shards > 0) trainer->share(Shards(options.shards, peers));
  if (!place)
    return internal::find_lr(
        options, *trainer, [&](double rate) { trainer->learner().probe(rate); }, signals);
  const LoopState* const before = earlier ? &earlier->loop : nullptr;
  if (!company.leads()) return internal::train_with_leader(options, *trainer, before, *peers);
  return internal::train_there(std::move(*place), options, *trainer, list_of(options), before, signals,
                               peers);
}

/// The command `train` of a program whose trainer is T. Returns 0, or 128 + the signal that stopped it.
/// Errors: UsageError for options that do not go together; DataError for files that do not serve; Error if
///         training diverges.
template <class T>
int run_training(typename T::Options options, const Given& given) {
  internal::check_run(options);
  const std::unique_ptr<Peers> peers = join_peers(options.watchdog);
  return among_peers(peers.get(), [&] { return train_among<T>(peers.get(), options, given); });
}

}  // namespace unroll::program
