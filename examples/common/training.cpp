#include "common/training.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/command_line.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::program {
namespace {

using internal::RunPlace;

/// A run that was killed before its first checkpoint has left its log alone.
/// Errors: UsageError if that was another run than the one that --resume is to begin.
void check_same_run(const RunFolder& folder, const OptionList& list, const nlohmann::ordered_json& config) {
  const auto before = MetricsLog::configuration(folder.log());
  if (before.is_null()) return;
  std::vector<std::string> fixed;
  for (const Option& option : list)
    if (option.fixed) fixed.push_back(option.name);
  fixed.emplace_back("text_checksum");
  for (const auto& name : fixed)
    if (!before.contains(name) || before[name] != config[name])
      raise<UsageError>(
          "--resume: {} is of a run with {} {}, which has left no checkpoint; this one would have {}: give "
          "the options of that run, or begin anew with --overwrite",
          folder.log(), name, before.contains(name) ? printable(before[name].dump()) : "unknown",
          config[name].dump());
}

/// Carries out `use`; an error about the folder then begins with the option that names it.
template <class Use>
auto of_out(Use&& use) {
  try {
    return use();
  } catch (const DataError& error) {
    raise<DataError>("--out {}", error.what());
  }
}

/// Makes the folder of a run that begins, and keeps it.
/// Errors: DataError.
FolderLock take_new_folder(const RunFolder& folder, const std::string& out) {
  folder.create();
  FolderLock lock = folder.lock();
  if (folder.holds_run()) raise<DataError>("{}: another program has written a run there", out);
  return lock;
}

RunPlace look_for_place(const RunOptions& options) {
  RunPlace place{.folder = RunFolder(options.out), .lock = {}, .checkpoint = {}};
  const RunFolder& folder = place.folder;
  if (folder.exists()) place.lock = folder.lock();
  if (!options.resume) {
    if (folder.holds_run() && !options.overwrite)
      raise<UsageError>("--out {}: holds a run already; --resume goes on with it, --overwrite begins anew",
                        options.out);
  } else if (RunFolder::exists(folder.last())) {
    place.checkpoint = folder.last();
  } else if (folder.holds_run()) {  // killed between its first two files, or the last one was removed
    fmt::print("{} is missing: going on from the best model\n", folder.last());
    place.checkpoint = folder.best();
  } else {
    fmt::print("no checkpoint in {} yet: training begins anew\n", options.out);
  }
  return place;
}

int report_end(LoopEnd end, const LoopState& state, ProgramTask& task, const std::string& folder,
               int signal) {
  const auto figure = task.best_by().empty() ? "validation loss" : task.best_by();
  const auto best = state.best
                        ? fmt::format("; best {} {:.4f} at step {}", figure, *state.best, state.best_step)
                        : std::string(task.keep_last() ? "" : "; no validation");
  fmt::print("{} after {} and {} of training{}\nthe model is {}\n",
             end == LoopEnd::complete  ? "complete"
             : end == LoopEnd::stopped ? "stopped"
                                       : "out of time",
             counted(state.step, "step"), duration_text(state.seconds), best, find_checkpoint(folder));
  if (end != LoopEnd::complete) fmt::print("train --out {} --resume goes on with it\n", folder);
  if (end != LoopEnd::stopped) fmt::print("{}", task.report());
  return end == LoopEnd::stopped ? 128 + signal : 0;
}

}  // namespace

std::string note_of_longest(std::vector<std::int64_t> lengths, std::string_view kind, std::string_view unit) {
  if (lengths.empty()) return {};
  const auto middle = lengths.begin() + std::ssize(lengths) / 2;
  std::ranges::nth_element(lengths, middle);
  const std::int64_t median = *middle, longest = std::ranges::max(lengths);
  if (longest <= 1000 || longest <= 4 * median) return {};
  return fmt::format(
      "note: the longest {} has {}, half of them at most {}: its batch takes as many steps; cut it to go "
      "faster\n",
      kind, counted(longest, unit), grouped(median));
}

void check_same_text(std::string_view name, std::string_view option, std::string_view checksum,
                     std::string_view earlier) {
  if (checksum != earlier)
    raise<UsageError>("{}: not the text that the run to be continued was trained on; name that one with {}",
                      name, option);
}

namespace internal {

RunPlace find_place(const RunOptions& options) {
  return of_out([&] { return look_for_place(options); });
}

int train_there(RunPlace place, const RunOptions& options, ProgramTask& task, const OptionList& list,
                const LoopState* earlier, const StopSignals& signals) {
  const RunFolder& folder = place.folder;
  auto config = to_json(list);
  config.update(task.configuration());
  if (earlier) {
    fmt::print("going on after step {}\n", grouped(earlier->step));
  } else {
    if (!place.lock) place.lock = of_out([&] { return take_new_folder(folder, options.out); });
    if (options.resume) check_same_run(folder, list, config);
    of_out([&] { folder.clear(); });
  }
  auto log = of_out([&] {
    return earlier ? MetricsLog::resume(folder.log(), config, earlier->step)
                   : MetricsLog::create(folder.log(), config);
  });
  Progress progress(stdout);
  TrainingLoop loop({.steps_per_epoch = task.steps_per_epoch(),
                     .epochs = options.epochs,
                     .evaluate_every = options.eval_every,
                     .time_limit = options.time_limit,
                     .unit = task.unit(),
                     .best_by = task.best_by(),
                     .keep_last = task.keep_last()},
                    earlier ? *earlier : LoopState{}, task, progress, log);
  const LoopEnd end = loop.run([&] { return signals.received() != 0; });
  note_lost_output(progress.write_error());
  if (!RunFolder::exists(folder.last()))
    task.save(loop.state(), false);  // where the best model was at the end already
  if (end != LoopEnd::stopped) {
    RunDetails details{.step = loop.state().best ? loop.state().best_step : loop.state().step};
    task.describe_model(details);
    of_out([&] { write_run_details(folder.details(), details); });
  }
  return report_end(end, loop.state(), task, options.out, signals.received());
}

}  // namespace internal
}  // namespace unroll::program
