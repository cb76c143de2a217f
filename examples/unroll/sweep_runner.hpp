#pragma once
/// \file Runs the trials of a search, some at a time.

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sweep_state.hpp"
#include "trial_process.hpp"

namespace unroll::tool {

/// Whether a word of a command line is the option `--name` or `--name=…`.
bool names_option(const std::string& word, const std::string& name);

/// Runs the trials of a search that wait, and prints how each begins and ends. The search's file is written whenever one does.
/// Lifetime: the search outlives it.
class SweepRunner {
 public:
  /// Errors: UsageError if there is no such program.
  SweepRunner(Sweep& sweep, std::string folder, std::string file, Criterion criterion, int jobs);
  /// Until none waits, a signal comes, or the first three have all failed. Trials that run then save and end.
  /// Returns the exit status of the program: 0, 1 if it gave up, or 128 + the signal.
  int run();

 private:
  struct Running {
    std::size_t number;
    TrialProcess process;
    std::chrono::steady_clock::time_point begin;
  };

  Trial& trial(std::size_t number) { return sweep_.trials[number]; }
  std::string output_of(std::size_t number) const;
  std::string label(std::size_t number) const;
  std::vector<std::string> arguments_of(std::size_t number) const;
  bool start_next();
  void reap();
  void finish(std::size_t number, int status);
  void tell_figure(std::size_t number);
  void tell_failure(std::size_t number);
  /// Whether it is the best one so far.
  bool take_best(const BestFigure& figure);
  void stop(const std::string& why);

  Sweep& sweep_;
  std::string folder_, file_;
  Criterion criterion_;
  int jobs_;
  std::string program_;
  std::vector<Running> running_;
  std::optional<double> best_;
  int done_ = 0, failed_ = 0;
  bool stopping_ = false, given_up_ = false;
};

}  // namespace unroll::tool
