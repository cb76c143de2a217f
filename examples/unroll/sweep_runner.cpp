#include "sweep_runner.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <thread>

#include "common/line_reader.hpp"
#include "sweep_table.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/signals.hpp"

namespace unroll::tool {

namespace {
using Clock = std::chrono::steady_clock;
}

bool names_option(const std::string& word, const std::string& name) {
  return word == "--" + name || word.starts_with("--" + name + "=");
}

SweepRunner::SweepRunner(Sweep& sweep, std::string folder, std::string file, Criterion criterion, int jobs)
    : sweep_(sweep),
      folder_(std::move(folder)),
      file_(std::move(file)),
      criterion_(std::move(criterion)),
      jobs_(jobs),
      program_(find_program(sweep.plan.program)) {
  for (const RankedTrial& ranked : ranked_trials(sweep, folder_, criterion_))
    if (ranked.best) take_best(*ranked.best);
}

int SweepRunner::run() {
  const StopSignals signals;
  for (;;) {
    if (signals.received() != 0 && !stopping_) stop("stopping: the trials that run save and end");
    reap();
    while (!stopping_ && std::ssize(running_) < jobs_ && start_next()) continue;
    if (running_.empty()) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return signals.received() != 0 ? 128 + signals.received() : given_up_ ? 1 : 0;
}

std::string SweepRunner::output_of(std::size_t number) const {
  return trial_folder(folder_, number) + "/output.txt";
}
std::string SweepRunner::label(std::size_t number) const {
  return fmt::format("trial {:03} of {}", number + 1, sweep_.trials.size());
}

std::vector<std::string> SweepRunner::arguments_of(std::size_t number) const {
  std::vector<std::string> words = sweep_.plan.arguments;
  const auto given = [&](const std::string& name) {
    return std::ranges::any_of(words, [&](const std::string& word) { return names_option(word, name); });
  };
  for (const auto& [name, value] : sweep_.trials[number].setting) {
    if (value == "off") continue;
    words.push_back("--" + name);
    if (value != "on") words.push_back(value);
  }
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  if (jobs_ > 1 && !given("threads"))
    words.insert(words.end(), {"--threads", fmt::format("{}", std::max(1, cores / jobs_))});
  words.insert(words.end(), {"--out", trial_folder(folder_, number), "--resume"});
  return words;
}

bool SweepRunner::start_next() {
  const auto next = std::ranges::find(sweep_.trials, TrialStatus::waiting, &Trial::status);
  if (next == sweep_.trials.end()) return false;
  const auto number = static_cast<std::size_t>(next - sweep_.trials.begin());
  RunFolder(trial_folder(folder_, number)).create();
  next->status = TrialStatus::running;
  save_sweep(sweep_, file_);
  running_.push_back({number, TrialProcess(program_, arguments_of(number), output_of(number)), Clock::now()});
  program::write_out(
      fmt::format("{}  begins: {}\n", label(number), printable(setting_text(next->setting), 500)));
  return true;
}

void SweepRunner::reap() {
  for (auto running = running_.begin(); running != running_.end();) {
    const auto status = running->process.status();
    if (!status) {
      ++running;
      continue;
    }
    trial(running->number).seconds += std::chrono::duration<double>(Clock::now() - running->begin).count();
    finish(running->number, *status);
    running = running_.erase(running);
    save_sweep(sweep_, file_);
  }
}

void SweepRunner::finish(std::size_t number, int status) {
  Trial& ended = trial(number);
  ended.exit_status = status;
  if (status == 0) {
    ended.status = TrialStatus::done;
    ended.last_lines.clear();
    ++done_;
    tell_figure(number);
  } else if (stopping_) {
    ended.status = TrialStatus::waiting;
  } else {
    ended.status = TrialStatus::failed;
    ended.last_lines = last_lines_of(output_of(number), 6);
    tell_failure(number);
    if (++failed_ >= 3 && done_ == 0) {
      given_up_ = true;
      stop("the first trials have all failed: the search ends here; --retry tries them again");
    }
  }
}

void SweepRunner::tell_figure(std::size_t number) {
  const auto best = best_figure(trial_log(folder_, number), criterion_);
  if (!best) {
    const std::string figures = figures_in(trial_log(folder_, number));
    program::write_out(fmt::format("{}  has no {}; its evaluations have {}\n", label(number),
                                   criterion_.figure,
                                   figures.empty() ? "no figures" : printable(figures, 300)));
    return;
  }
  program::write_out(fmt::format("{}  {} {:.4f} at step {}, {}{}\n", label(number), criterion_.figure,
                                 best->value, grouped(best->step), duration_text(trial(number).seconds),
                                 take_best(*best) ? "   best so far" : ""));
}

void SweepRunner::tell_failure(std::size_t number) {
  std::string text = fmt::format("{}  failed with status {}; the end of {}:\n", label(number),
                                 trial(number).exit_status, printable(output_of(number), 300));
  const std::string& lines = trial(number).last_lines;
  for (std::size_t begin = 0; begin < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', begin), lines.size());
    text += "    " + printable(std::string_view(lines).substr(begin, end - begin), 300) + "\n";
    begin = end + 1;
  }
  program::write_out(text);
}

bool SweepRunner::take_best(const BestFigure& figure) {
  if (best_ && !(criterion_.largest ? figure.value > *best_ : figure.value < *best_)) return false;
  best_ = figure.value;
  return true;
}

void SweepRunner::stop(const std::string& why) {
  stopping_ = true;
  if (!why.empty()) program::write_out(why + "\n");
  for (const Running& running : running_) running.process.stop();
}

}  // namespace unroll::tool
