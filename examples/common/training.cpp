#include "common/training.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "common/command_line.hpp"
#include "unroll/autograd/precision.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/report/svg.hpp"
#include "unroll/train/lr_finder.hpp"
#include "unroll/train/training_run.hpp"

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
  fmt::print("{}\nthe model is {}\n", end_text(end, state, task.best_by(), !task.keep_last()),
             find_checkpoint(folder));
  if (end == LoopEnd::stopped || end == LoopEnd::out_of_time)
    fmt::print("train --out {} --resume goes on with it\n", folder);
  if (end != LoopEnd::stopped) fmt::print("{}", task.report());
  return end == LoopEnd::stopped ? 128 + signal : 0;
}

/// What the log's first line tells of this call.
LogLine facts_of_call(const ProgramTask& task) {
  const auto& words = command_words();
  LogLine facts;
  if (!words.empty())
    facts.add({{"program", std::filesystem::path(words[0]).filename().string()}, {"command", words}});
  facts.add(run_facts(task.unit()));
  facts.add("model", task.model_summary());
  return facts;
}

/// The losses over the rates, as a picture or a table, as the file's name says.
void write_finder(const std::string& file, const LrFinder& finder) {
  if (!file.ends_with(".svg")) {
    const std::string table = to_csv(finder.points());
    return io::write_file_atomically(file, std::as_bytes(std::span(table)));
  }
  report::Line each{.name = "of a step", .quiet = true}, smooth{.name = "mean of the last ones"};
  for (const LrPoint& point : finder.points()) {
    each.x.push_back(point.rate), each.y.push_back(point.loss);
    smooth.x.push_back(point.rate), smooth.y.push_back(point.smooth);
  }
  report::Chart chart{.title = "Loss by learning rate",
                      .x = {.title = "learning rate", .scale = report::Scale::log},
                      .y = {.title = "loss"},
                      .lines = {each, smooth}};
  std::string suggested = "no rate is suggested";
  if (const auto rate = finder.suggestion()) {
    suggested = fmt::format("suggestion: {:.1g}", *rate);
    chart.marks.push_back({*rate, suggested});
  }
  report::write_svg(
      file, {.description = "The loss while the learning rate rises; " + suggested + ".", .panels = {chart}});
}

LoopPlan plan_of(const RunOptions& options, const ProgramTask& task) {
  return {.steps_per_epoch = task.steps_per_epoch(),
          .epochs = options.epochs,
          .evaluate_every = options.eval_every,
          .time_limit = options.time_limit,
          .unit = task.unit(),
          .best_by = task.best_by(),
          .keep_last = task.keep_last(),
          .patience = options.patience};
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

RunPlace find_place(const RunOptions& options, const Company& company) {
  RunPlace place{.folder = RunFolder(options.out), .lock = {}, .checkpoint = {}};
  if (company.leads()) place = of_out([&] { return look_for_place(options); });
  const std::string checkpoint = company.share(place.checkpoint.value_or(""));
  if (!checkpoint.empty()) place.checkpoint = checkpoint;
  return place;
}

int train_with_leader(const RunOptions& options, ProgramTask& task, const LoopState* earlier, Peers& peers) {
  task.begin(RunFolder(options.out), {.steps_per_epoch = task.steps_per_epoch(),
                                      .epochs = options.epochs,
                                      .step = earlier ? earlier->step : 0});
  const auto stop = [] { return StopSignals::received() != 0; };
  follow_loop(task, peers, stop, RunFolder(options.out).last());
  return 0;
}

int train_there(RunPlace place, const RunOptions& options, ProgramTask& task, const OptionList& list,
                const LoopState* earlier, const StopSignals& signals, Peers* peers) {
  const RunFolder& folder = place.folder;
  auto config = to_json(list);
  if (!options.init.empty()) config["init"] = options.init;
  config["steps_per_epoch"] = task.steps_per_epoch();
  config.update(task.configuration());
  if (earlier) {
    fmt::print("going on after step {}\n", grouped(earlier->step));
  } else {
    if (!place.lock) place.lock = of_out([&] { return take_new_folder(folder, options.out); });
    if (options.resume) check_same_run(folder, list, config);
    of_out([&] { folder.clear(); });
  }
  const auto mark = mark_run(peers, options.out, earlier ? &earlier->step : nullptr);
  const LogLine facts = facts_of_call(task);
  auto log = of_out([&] {
    return earlier ? MetricsLog::resume(folder.log(), config, earlier->step, facts)
                   : MetricsLog::create(folder.log(), config, facts);
  });
  Progress progress(stdout);
  const LoopState state = earlier ? *earlier : LoopState{};
  task.begin(folder,
             {.steps_per_epoch = task.steps_per_epoch(), .epochs = options.epochs, .step = state.step});
  LoopPlan plan = plan_of(options, task);
  plan.peers = peers;
  plan.checkpoint = folder.last();
  TrainingLoop loop(plan, state, task, progress, log);
  const LoopEnd end = loop.run([&] { return signals.received() != 0; });
  note_lost_output(progress.write_error());
  if (!RunFolder::exists(folder.last())) {
    lead(peers, SharedAction::save);
    task.save(loop.state(), false);  // where the best model was at the end already
  }
  lead(peers, SharedAction::end);
  if (end != LoopEnd::stopped) {
    RunDetails details{.step = loop.state().best ? loop.state().best_step : loop.state().step};
    task.describe_model(details);
    of_out([&] { write_run_details(folder.details(), details); });
  }
  const int status = report_end(end, loop.state(), task, options.out, signals.received());
  return peers ? 0 : status;  // mpirun takes any other for a failure
}

std::string initial_checkpoint(const RunOptions& options) {
  try {
    std::string file = find_checkpoint(options.init);
    fmt::print("beginning with the model of {}\n", file);
    return file;
  } catch (const DataError& error) {
    raise<DataError>("--init {}", error.what());
  }
}

void print_precision(const RunOptions& options) {
  if (options.precision != "bfloat16") return;
  fmt::print("precision   products in bfloat16, {}\n",
             bfloat16_is_emulated()
                 ? "emulated: this processor has no instruction for them, and saves no time"
                 : "by the processor's instruction for them");
}

void check_run(const RunOptions& options) {
  if (options.out.empty() && options.find_lr.empty())
    raise<UsageError>("--out is required: name the folder of the run");
  if (!options.find_lr.empty() && options.resume)
    raise<UsageError>("--find-lr: tries rates on a new model, and not on the run that --resume goes on with");
  if (options.grow_vocabulary && options.init.empty())
    raise<UsageError>("--grow-vocabulary: needs --init, a run whose vocabulary is to grow");
}

void check_same_epochs(const RunOptions& now, const RunOptions& earlier) {
  if (now.epochs == earlier.epochs || (now.schedule != "cosine" && now.schedule != "one-cycle")) return;
  raise<UsageError>(
      "--epochs {}: the run to be continued has {}, over which the learning rate falls to 0 (--schedule "
      "{}): "
      "with another number it would have been another run; leave the option out, or begin another run",
      now.epochs, earlier.epochs, now.schedule);
}

void copy_rows(const std::vector<Variable<float>>& from, const std::vector<Variable<float>>& to) {
  const auto fits = [&](std::size_t k) {
    const Shape &a = from[k].shape(), &b = to[k].shape();
    bool fine = a.rank() == b.rank() && from[k].name() == to[k].name();
    for (int axis = 0; fine && axis < a.rank(); ++axis)
      fine = axis == 0 ? a[axis] <= b[axis] : a[axis] == b[axis];
    return fine;
  };
  bool fine = from.size() == to.size();
  for (std::size_t k = 0; fine && k < from.size(); ++k) fine = fits(k);
  if (!fine) raise<DataError>("--init: its model has other parameters than this run's");
  for (std::size_t k = 0; k < from.size(); ++k) {
    Variable<float> target = to[k];
    std::copy_n(from[k].data(), from[k].size(), target.mutable_data());
  }
}

int find_lr(const RunOptions& options, RunTask& task, const std::function<void(double)>& probe,
            const StopSignals& signals) {
  const auto finder = find_learning_rate(task, probe, {}, [&] { return signals.received() != 0; });
  write_finder(options.find_lr, finder);
  fmt::print("learning rate, and loss (a mean of the last ones)\n{}", to_bars(finder.points()));
  const LrPoint& lowest = finder.lowest();
  fmt::print("{} in {}; the loss is least ({:.4f}) at {:.2g}\n", counted(std::ssize(finder.points()), "rate"),
             options.find_lr, lowest.smooth, lowest.rate);
  if (const auto rate = finder.suggestion())
    fmt::print("suggestion: --lr {:.1g}\n", *rate);
  else
    fmt::print("no suggestion: the loss {}\n",
               lowest.rate == finder.points().back().rate
                   ? "falls until the largest rate"
                   : "falls at no rate; try another optimiser, or a smaller --clip");
  return signals.received() != 0 ? 128 + signals.received() : 0;
}

}  // namespace internal
}  // namespace unroll::program
