#pragma once
/// \file A training run of any program: its folder, its checkpoints, going on with it, its end.

#include <optional>

#include "common/learner.hpp"
#include "common/saved_run.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/train/run_details.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"
#include "unroll/train/state_dict.hpp"

namespace unroll::program {

/// What run_training asks a program's trainer beside what the loop asks.
class ProgramTask : public TrainingTask {
 public:
  virtual std::int64_t steps_per_epoch() const = 0;
  /// What a step is counted in, as `char`.
  virtual std::string unit() const = 0;
  /// The figure of evaluate() by which the best model is chosen; empty: the loss.
  virtual std::string best_by() const { return {}; }
  /// The latest model is kept as the best: validation measures and does not choose.
  virtual bool keep_last() const { return false; }
  /// What to print at the end of a run beside how it ended.
  virtual std::string report() { return {}; }
  /// Adds what a report shows of the best model beside the log, at the end of a run that was not stopped.
  virtual void describe_model(RunDetails&) {}
  /// What the log's first line holds beside the options: what was found out about data and model.
  virtual nlohmann::ordered_json configuration() const = 0;
};

/// A model in training, with what all programs save. A program derives from it, adds its data and says what
/// steps and evaluations are; its `static std::unique_ptr<…> open(const Options&, const Saved* earlier)`
/// reads the data, prints what there is, and makes a trainer: a new run, or one that goes on with `earlier`.
template <class OptionsType, class ReadingType, class Model>
class ModelTrainer : public ProgramTask {
 public:
  using Options = OptionsType;
  using Reading = ReadingType;
  using Saved = SavedRunOf<Options, Reading>;

  /// Errors: UsageError for an optimiser that does not exist; DataError if `earlier` is of another model.
  ModelTrainer(const Options& options, Reading reading, std::string text_checksum, Model model,
               const Saved* earlier)
      : options_(options),
        reading_(std::move(reading)),
        text_checksum_(std::move(text_checksum)),
        model_(std::move(model)),
        learner_(options, variables(parameters(model_))) {
    if (!earlier) return;
    load_state(model_, earlier->tensors, {.prefix = "model"});
    load_state(learner_.optimizer(), earlier->tensors, "optimizer");
  }

  void save(const LoopState& state, bool best) override {
    // The last update may have spoilt what the loss before it did not show.
    learner_.check_parameters(state.step);
    Saved run{{text_checksum_, state, io::TensorFile("checkpoint")}, options_, reading_};
    save_state(model_, run.tensors, {.prefix = "model"});
    save_state(learner_.optimizer(), run.tensors, "optimizer");
    save_more(run.tensors);
    const RunFolder folder(options_.out);
    if (best) save_run(folder.best(), run);
    save_run(folder.last(), run);
  }

  const Model& model() const { return model_; }
  const Options& options() const { return options_; }
  const Reading& reading() const { return reading_; }
  const std::string& text_checksum() const { return text_checksum_; }

 protected:
  /// Adds tensors that training depends on and that model and optimiser do not hold.
  virtual void save_more(io::TensorFile&) const {}

  Options options_;
  Reading reading_;
  std::string text_checksum_;
  Model model_;
  Learner learner_;
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
RunPlace find_place(const RunOptions& options);

/// Trains to the end of the plan; `list` is that of all the program's options, `earlier` null for a run that
/// begins. Returns the exit status.
int train_there(RunPlace place, const RunOptions& options, ProgramTask& task, const OptionList& list,
                const LoopState* earlier, const StopSignals& signals);

}  // namespace internal

/// The command `train` of a program whose trainer is T. Returns 0, or 128 + the signal that stopped it.
/// Errors: UsageError for options that do not go together; DataError for files that do not serve; Error if
///         training diverges.
template <class T>
int run_training(typename T::Options options, const Given& given) {
  const StopSignals signals;
  internal::RunPlace place = internal::find_place(options);
  std::optional<typename T::Saved> earlier;
  if (place.checkpoint) {
    earlier = load_run<typename T::Options, typename T::Reading>(*place.checkpoint);
    options = continued(earlier->options, options, given);
  }
  options.threads = use_threads(options.threads);
  const auto trainer = T::open(options, earlier ? &*earlier : nullptr);
  return internal::train_there(std::move(place), options, *trainer, list_of(options),
                               earlier ? &earlier->loop : nullptr, signals);
}

}  // namespace unroll::program
