#pragma once
/// \file What a run measured, read from its log for a picture of it.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "unroll/io/json.hpp"
#include "unroll/report/curve.hpp"

namespace unroll::report {

/// An evaluation: where the run stood, and what was measured.
struct Evaluated {
  std::int64_t step = 0;                                     ///< updates done
  std::vector<std::pair<std::string, double>> figures = {};  ///< all numbers of the line
};

/// A text that the model wrote at an evaluation.
struct Sample {
  std::int64_t step = 0;            ///< updates done
  std::optional<double> loss = {};  ///< of validation
  bool best = false;                ///< the best model so far
  std::string text = {};            ///< cut to a few thousand bytes
  std::string note = {};            ///< a warning shown with it
};

/// A curve and what it is called.
struct NamedCurve {
  std::string key;  ///< in the log
  Curve curve;      ///< over steps
};

/// A log, in as little memory as a picture needs.
struct RunLog {
  io::JsonDocument config = nullptr;    ///< the options and what was found out; null if the log has none
  io::JsonDocument run = nullptr;       ///< program, command, machine; null if the log has none
  std::vector<NamedCurve> curves = {};  ///< in the order in which they were met
  std::vector<std::int64_t> clock_steps = {};  ///< steps at which epoch and seconds are known
  std::vector<double> epochs = {};             ///< at those steps
  std::vector<double> seconds = {};            ///< at those steps
  std::optional<Evaluated> best = {};  ///< the last line marked as the best, or else that of the least loss
  std::optional<Evaluated> last = {};  ///< the last evaluation
  std::vector<Sample> samples = {};    ///< few enough to look at: the first, the last, some between
  std::vector<std::pair<std::string, double>> spent =
      {};                               ///< seconds in all by what they went to: data, forward, …
  std::int64_t lines = 0;               ///< whole ones
  std::int64_t last_step = 0;           ///< updates done
  std::vector<std::string> notes = {};  ///< what is odd about the log
};

/// How much of a log to keep.
struct RunLogOptions {
  std::int64_t buckets = 1024;  ///< of each curve
  std::size_t curves = 40;      ///< different ones; there is a note on more
  std::size_t samples = 40;     ///< texts
};

/// What:   reads a log. Lines that are no JSON objects, and a last line that is not whole, are passed over, with a note;
///         so are keys that are not known to this version, unless they are numbers: these are curves.
/// Errors: DataError if the file cannot be read.
/// Cost:   one pass over the file; memory does not grow with it.
RunLog read_run_log(const std::string& path, const RunLogOptions& options = {});

/// The number of that name in an object, as in RunLog::config; NaN if there is none.
double number_in(const io::JsonDocument& object, const char* key);

}  // namespace unroll::report
