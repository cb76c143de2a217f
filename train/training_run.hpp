#pragma once
/// \file A training run from its folder to its end.

#include <cstdio>
#include <functional>
#include <string>

#include "unroll/train/model_task.hpp"

namespace unroll {

/// Where a run is kept and how long it is.
struct TrainingOptions {
  std::string out;                  ///< the folder of checkpoints and log
  std::int64_t epochs = 10;         ///< passes over the data
  std::int64_t evaluate_every = 0;  ///< steps; 0: once per epoch
  std::int64_t log_every = 50;      ///< steps
  std::int64_t patience = 0;  ///< the run ends after so many evaluations without a new best; 0: it goes on
  double time_limit = 0;      ///< seconds after which to evaluate, save and end; 0: none
  double save_seconds = 300;  ///< a checkpoint at least this often
  bool resume =
      false;  ///< go on with the run in `out`, to the bit as if never stopped; begin if there is none
  bool overwrite = false;  ///< begin anew though `out` holds a run
  LogLine config = {};     ///< what the log's first line holds beside the above, such as options of your own
};

/// How a run has ended.
struct TrainingResult {
  LoopEnd end;        ///< why
  LoopState state;    ///< where it stands
  std::string model;  ///< the file of the best model
};

/// Trains to the end of the plan, or until `stop()` is true. Takes the folder for itself, goes on from its last
/// checkpoint where that is asked for, and writes checkpoints and metrics.jsonl there. In the end the task's model has
/// the best weights, unless it was stopped.
///
///     const StopSignals signals;
///     Progress progress(stdout);
///     const auto result = train_model(task, {.out = "run", .resume = resume}, progress,
///                                     [&] { return signals.received() != 0; });
///
/// Errors: UsageError if the folder holds a run and neither resume nor overwrite is given, and for counts out of range;
///         DataError for files that do not serve, or if another program is writing there; what the task throws passes
///         through, and the last checkpoint stands.
TrainingResult train_model(RunTask& task, const TrainingOptions& options, Progress& progress,
                           const std::function<bool()>& stop);

/// The same as all that a program does: Ctrl-C and the other signals of StopSignals stop it, and progress, how it has
/// ended and the file of the model are shown on `out`. Returns the program's exit status: 0, or 128 + the signal.
///
///     return train_and_report(task, {.out = "run", .resume = resume}, stdout);
///
/// Errors: as train_model; UsageError if there are StopSignals already.
int train_and_report(RunTask& task, const TrainingOptions& options, std::FILE* out);

/// What a log tells of where and when a run began: version of the library, time, processor, threads, what a step is
/// counted in.
LogLine run_facts(const std::string& unit);

/// A sentence on how a run has ended: `complete after 1,200 steps and 0:35 of training; best validation loss 1.2 at step
/// 1000`. `figure` is what chose the best model, as RunTask::best_by; `validated`: whether anything chose.
std::string end_text(LoopEnd end, const LoopState& state, const std::string& figure = {},
                     bool validated = true);

}  // namespace unroll
