#include "unroll/train/training_run.hpp"

#include <fmt/chrono.h>

#include <ctime>
#include <fstream>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/io/checkpoint.hpp"
#include "unroll/io/json.hpp"
#include "unroll/train/signals.hpp"
#include "unroll/version.hpp"

namespace unroll {
namespace {

/// The kind of the checkpoints that tasks of one's own write.
constexpr const char* task_kind = "model";

/// The name of the processor; empty if the system does not tell.
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      if (const auto at = line.find(": "); at != line.npos) return line.substr(at + 2);
  return {};
}

/// The checkpoint to go on from; empty for a run that begins.
std::string checkpoint_of(const RunFolder& folder, const TrainingOptions& options) {
  if (options.resume && options.overwrite)
    raise<UsageError>("training: resume goes on with a run and overwrite begins anew; take one");
  if (!options.resume) {
    if (folder.holds_run() && !options.overwrite)
      raise<UsageError>("training: {} holds a run already; resume goes on with it, overwrite begins anew",
                        options.out);
    return {};
  }
  if (RunFolder::exists(folder.last())) return folder.last();
  return folder.holds_run() ? folder.best() : std::string();
}

LogLine config_of(const RunTask& task, const TrainingOptions& o) {
  LogLine config{{"epochs", o.epochs},
                 {"eval-every", o.evaluate_every},
                 {"patience", o.patience},
                 {"time-limit", o.time_limit},
                 {"steps_per_epoch", task.steps_per_epoch()}};
  config.add(o.config);
  config.add(task.facts());
  return config;
}

LoopPlan plan_of(const RunTask& task, const TrainingOptions& o) {
  return {.steps_per_epoch = task.steps_per_epoch(),
          .epochs = o.epochs,
          .evaluate_every = o.evaluate_every,
          .log_every = o.log_every,
          .save_seconds = o.save_seconds,
          .time_limit = o.time_limit,
          .unit = task.unit(),
          .best_by = task.best_by(),
          .keep_last = task.keep_last(),
          .patience = o.patience};
}

}  // namespace

void detail::save_task(const std::string& file, const LoopState& state, io::TensorFile tensors) {
  io::save_checkpoint(file, {.kind = task_kind,
                             .json = nlohmann::ordered_json{{"loop", state.to_json()}}.dump(),
                             .tensors = std::move(tensors)});
}

std::pair<LoopState, io::TensorFile> detail::load_task(const std::string& file) {
  io::Checkpoint checkpoint = io::load_checkpoint(file, task_kind);
  const io::JsonDocument document = io::parse_json(checkpoint.json, file);
  const io::JsonValue all(*document, file);
  return {LoopState::from_json(all.at("loop").json(), file), std::move(checkpoint.tensors)};
}

LogLine run_facts(const std::string& unit) {
  LogLine facts{{"version", UNROLL_VERSION_STRING},
                {"started", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)))}};
  if (const auto name = processor_name(); !name.empty()) facts.add("processor", name);
  facts.add({{"threads", num_threads()}, {"unit", unit}});
  return facts;
}

std::string end_text(LoopEnd end, const LoopState& state, const std::string& figure, bool validated) {
  constexpr std::array words{"complete", "stopped", "out of time", "out of patience"};
  std::string text = fmt::format("{} after {} and {} of training", words[static_cast<std::size_t>(end)],
                                 counted(state.step, "step"), duration_text(state.seconds));
  if (state.best)
    text += fmt::format("; best {} {:.4f} at step {}", figure.empty() ? "validation loss" : figure,
                        *state.best, state.best_step);
  else if (validated)
    text += "; no validation";
  return text;
}

TrainingResult train_model(RunTask& task, const TrainingOptions& options, Progress& progress,
                           const std::function<bool()>& stop) {
  if (options.out.empty()) raise<UsageError>("training: name the folder of the run (out)");
  const RunFolder folder(options.out);
  folder.create();
  const FolderLock lock = folder.lock();
  const std::string checkpoint = checkpoint_of(folder, options);
  const LoopState earlier = checkpoint.empty() ? LoopState{} : task.load(checkpoint);
  task.begin(folder,
             {.steps_per_epoch = task.steps_per_epoch(), .epochs = options.epochs, .step = earlier.step});
  const LogLine config = config_of(task, options), facts = run_facts(task.unit());
  if (checkpoint.empty()) folder.clear();
  auto log = checkpoint.empty() ? MetricsLog::create(folder.log(), config, facts)
                                : MetricsLog::resume(folder.log(), config, earlier.step, facts);
  TrainingLoop loop(plan_of(task, options), earlier, task, progress, log);
  const LoopEnd end = loop.run(stop);
  if (!RunFolder::exists(folder.last()))
    task.save(loop.state(), false);  // where the best model was at the end already
  const std::string best = find_checkpoint(options.out);
  if (end != LoopEnd::stopped) task.restore(best);
  return {end, loop.state(), best};
}

int train_and_report(RunTask& task, const TrainingOptions& options, std::FILE* out) {
  const StopSignals signals;
  Progress progress(out);
  const auto result = train_model(task, options, progress, [&] { return signals.received() != 0; });
  progress.print(end_text(result.end, result.state, task.best_by(), !task.keep_last()));
  progress.print("the model is " + result.model);
  return result.end == LoopEnd::stopped ? 128 + signals.received() : 0;
}

}  // namespace unroll
