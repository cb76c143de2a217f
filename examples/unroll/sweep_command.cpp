#include <algorithm>
#include <memory>

#include "common/line_reader.hpp"
#include "subcommands.hpp"
#include "sweep_runner.hpp"
#include "sweep_table.hpp"
#include "trial_process.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::tool {
namespace {

using program::write_out;

struct SweepOptions {
  std::vector<std::string> varied, command;
  std::string out, by = "valid_loss", better = "auto";
  std::int64_t trials = 20, top = 20;
  int jobs = 1;
  std::uint64_t seed = 1;
  bool grid = false, retry = false;
};

/// Errors: UsageError for options of the trials that the search itself sets.
void check_arguments(const SweepPlan& plan) {
  if (plan.arguments.empty() || plan.arguments[0] != "train")
    raise<UsageError>("after the program, need its command train and the options that do not vary; got {}",
                      plan.arguments.empty() ? "nothing" : "'" + plan.arguments[0] + "'");
  std::vector<std::string> taken{"out", "resume", "overwrite"};
  for (const std::string& text : plan.space) {
    const std::string name = parse_dimension(text).name;
    if (std::ranges::find(taken, name) != taken.end())
      raise<UsageError>("{}: the option cannot vary, or is there twice", text);
    taken.push_back(name);
  }
  for (const std::string& word : plan.arguments)
    for (const std::string& name : taken)
      if (names_option(word, name)) raise<UsageError>("{}: the search sets this option itself", word);
}

/// What the command line says.
SweepPlan read_plan(const SweepOptions& options) {
  if (options.varied.empty())
    raise<UsageError>("name what varies before the program, such as lr=log:1e-4..1e-2; see --help");
  for (const std::string& text : options.varied) parse_dimension(text);
  if (options.command.empty())
    raise<UsageError>("name the program and what does not vary: -- char_lm train --text FILE");
  SweepPlan plan{.program = options.command[0],
                 .arguments = {options.command.begin() + 1, options.command.end()},
                 .space = options.varied,
                 .seed = options.seed,
                 .grid = options.grid};
  check_arguments(plan);
  return plan;
}

std::vector<Setting> settings_of(const SweepPlan& plan, std::int64_t trials) {
  std::vector<Dimension> space;
  for (const std::string& text : plan.space) space.push_back(parse_dimension(text));
  return plan.grid ? grid_settings(space) : drawn_settings(space, plan.seed, trials);
}

/// Errors: UsageError if a search that goes on is another than the one in its folder.
void check_same_plan(const SweepPlan& now, const SweepPlan& before, const std::string& file) {
  const auto shown = [](const std::vector<std::string>& words) {
    std::string text;
    for (const std::string& word : words) text += (text.empty() ? "" : " ") + printable(word, 200);
    return text;
  };
  const auto same = [&](bool equal, std::string_view what, const std::string& a, const std::string& b) {
    if (!equal)
      raise<UsageError>(
          "{} is a search with {} {}; this one would have {}: name another --out, or go on with --out alone",
          file, what, b, a);
  };
  same(now.program == before.program, "the program", now.program, before.program);
  same(now.arguments == before.arguments, "the arguments", shown(now.arguments), shown(before.arguments));
  same(now.space == before.space, "the options", shown(now.space), shown(before.space));
  same(now.seed == before.seed, "--seed", fmt::format("{}", now.seed), fmt::format("{}", before.seed));
  same(now.grid == before.grid, "--grid", now.grid ? "on" : "off", before.grid ? "on" : "off");
}

/// A new search, or the one in the folder with more trials if more are wished.
Sweep open_sweep(const SweepOptions& options, const std::string& file) {
  Sweep sweep;
  if (RunFolder::exists(file)) {
    sweep = load_sweep(file);
    if (!options.varied.empty() || !options.command.empty())
      check_same_plan(read_plan(options), sweep.plan, file);
  } else {
    sweep.plan = read_plan(options);
  }
  const auto settings =
      settings_of(sweep.plan, std::max<std::int64_t>(options.trials, std::ssize(sweep.trials)));
  for (std::size_t k = sweep.trials.size(); k < settings.size(); ++k)
    sweep.trials.push_back({.setting = settings[k], .last_lines = {}});
  if (options.retry)
    for (Trial& trial : sweep.trials)
      if (trial.status == TrialStatus::failed) trial.status = TrialStatus::waiting;
  return sweep;
}

Criterion criterion_of(const SweepOptions& options) {
  const auto has = [&](std::string_view part) { return options.by.find(part) != options.by.npos; };
  const bool error = has("loss") || has("perplexity") || has("error") || has("mae") || has("rmse") ||
                     has("mase") || has("nats") || has("bits");
  return {options.by, options.better == "larger" || (options.better == "auto" && !error)};
}

void write_results(const Sweep& sweep, const SweepOptions& options) {
  const Criterion criterion = criterion_of(options);
  const auto ranked = ranked_trials(sweep, options.out, criterion);
  const std::string csv = table_csv(sweep, ranked, criterion);
  io::write_file_atomically(options.out + "/sweep.csv", std::as_bytes(std::span(csv)));
  write_out("\n" + table_text(sweep, ranked, criterion, static_cast<std::size_t>(options.top)));
  if (std::ssize(ranked) > options.top)
    write_out(fmt::format("… {} more in {}/sweep.csv\n", std::ssize(ranked) - options.top,
                          printable(options.out, 300)));
  if (ranked.empty() || !ranked[0].best) return;
  write_picture(options.out + "/sweep.svg", sweep, ranked, criterion);
  const std::string folder = printable(options.out, 300);
  std::string best;
  for (std::size_t k = 0; k < std::min<std::size_t>(3, ranked.size()) && ranked[k].best; ++k)
    best += " " + printable(trial_folder(options.out, ranked[k].number), 300);
  write_out(
      fmt::format("\nthe best is {}\nthe picture is {}/sweep.svg, the table {}/sweep.csv\nunroll report{} "
                  "compares the best\n",
                  printable(trial_folder(options.out, ranked[0].number), 300), folder, folder, best));
}

int sweep_command(const SweepOptions& options) {
  const RunFolder folder(options.out);
  const std::string file = options.out + "/sweep.json";
  if (!RunFolder::exists(file)) {
    if (folder.exists() && folder.holds_run())
      raise<UsageError>("--out {}: it is the folder of a run; a search needs one of its own", options.out);
    find_program(read_plan(options).program);  // before anything is made
    folder.create();
  }
  const FolderLock lock = folder.lock();
  Sweep sweep = open_sweep(options, file);
  if (sweep.trials.empty()) raise<UsageError>("there is nothing to try");
  if (!sweep.plan.grid && std::ssize(sweep.trials) < options.trials)
    write_out(fmt::format("there are {} combinations: each is tried once\n", sweep.trials.size()));
  const auto finished = std::ranges::count_if(sweep.trials, [](const Trial& trial) {
    return trial.status == TrialStatus::done || trial.status == TrialStatus::failed;
  });
  if (finished > 0)
    write_out(fmt::format("going on: {} of {} trials are finished\n", finished, sweep.trials.size()));
  const int status = SweepRunner(sweep, options.out, file, criterion_of(options), options.jobs).run();
  write_results(sweep, options);
  if (status >= 128)
    write_out(fmt::format("unroll sweep --out {} goes on with it\n", printable(options.out, 300)));
  const bool any_failed =
      std::ranges::find(sweep.trials, TrialStatus::failed, &Trial::status) != sweep.trials.end();
  return status != 0 ? status : any_failed ? 1 : 0;
}

}  // namespace

void add_sweep(program::Program& program) {
  const auto options = std::make_shared<SweepOptions>();  // which the action holds
  CLI::App& app = program.command(
      "sweep",
      "Search over options: run a program many times, each in a folder of its own, and rank the runs",
      [options] { return sweep_command(*options); });
  const program::AddOption add{app};
  program::add_words(
      app, "NAME=VALUES", options->varied,
      "what varies: hidden=32,64 a list, layers=1..3 whole numbers, dropout=0..0.5 numbers, "
      "lr=log:1e-4..1e-2 so that each factor counts the same, tie=on,off a flag; and then "
      "-- PROGRAM train OPTIONS, as -- char_lm train --text FILE; none of it to go on with a search",
      false);
  program::add_rest(app, options->command);
  add("out", options->out, "folder for the search and its runs", {.named = true, .required = true});
  add("trials", options->trials, "runs to make, drawn at random", {.low = 1, .high = 100000});
  add("grid", options->grid,
      "every combination in the place of random ones; a range is then LOW..HIGH/POINTS");
  add("jobs", options->jobs, "runs at a time; each then has its share of the cores",
      {.low = 1, .high = 1024});
  add("seed", options->seed, "seed of what is drawn", program::at_least(0));
  add("by", options->by,
      "figure of the log to rank by, such as accuracy; the best evaluation of a run counts", {.named = true});
  add("better", options->better,
      "whether smaller or larger figures are better; auto: smaller for losses and errors",
      {.words = {"auto", "smaller", "larger"}});
  add("top", options->top, "lines of the table", {.low = 1, .high = 100000});
  add("retry", options->retry, "try again what failed");
}

}  // namespace unroll::tool
