#pragma once
/// \file What a search over options is and how far it has come: the file sweep.json of its folder.

#include <optional>
#include <string>
#include <vector>

#include "search_space.hpp"

namespace unroll::tool {

/// What makes a search what it is: one that goes on may not change it.
struct SweepPlan {
  std::string program;                 ///< as it was called, such as char_lm
  std::vector<std::string> arguments;  ///< of every trial: `train` and the options that do not vary
  std::vector<std::string> space;      ///< the dimensions, as they were given
  std::uint64_t seed = 1;
  bool grid = false;

  bool operator==(const SweepPlan&) const = default;
};

enum class TrialStatus { waiting, running, done, failed };

/// A run with options of its own.
struct Trial {
  Setting setting;
  TrialStatus status = TrialStatus::waiting;
  int exit_status = 0;     ///< of the latest attempt
  double seconds = 0;      ///< of all attempts
  std::string last_lines;  ///< of what it printed, where it failed
};

struct Sweep {
  SweepPlan plan;
  std::vector<Trial> trials;
};

/// Writes a search to a file, whole or not at all.
void save_sweep(const Sweep& sweep, const std::string& file);
/// Reads it back. A trial that was running then is waiting.
/// Errors: DataError that begins with the file's name.
Sweep load_sweep(const std::string& file);

/// How trials are compared.
struct Criterion {
  std::string figure = "valid_loss";  ///< a key of the log's evaluations
  bool largest = false;               ///< the larger, the better
};
/// The best evaluation of a run by its log: the figure and the step; nothing if there was none. Lines that cannot be read
/// are passed over.
struct BestFigure {
  double value;
  std::int64_t step;
};
std::optional<BestFigure> best_figure(const std::string& log, const Criterion& criterion);
/// The figures that the evaluations of a log have, for a message: `accuracy, valid_loss`.
std::string figures_in(const std::string& log);

/// The last lines of a file, at most so many, without the blanks at their ends; empty if it cannot be read.
std::string last_lines_of(const std::string& file, std::size_t count);

}  // namespace unroll::tool
