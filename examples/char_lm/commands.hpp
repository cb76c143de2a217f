#pragma once
/// \file What char_lm can do; main.cpp reads the command line and calls one of these. Each returns the exit
/// status of the process.

#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "examples/char_lm/options.hpp"
#include "layers/sampling.hpp"

namespace unroll::char_lm {

struct SampleOptions {
  std::string model, prime;
  std::int64_t length = 500;
  SamplingOptions drawing;
  std::optional<std::uint64_t> seed;
  int threads = 0;
};

struct EvalOptions {
  std::string model, text;
  double valid_fraction = 0;
  std::int64_t batch = 0;
  int threads = 0;
};

/// Trains; `given` names the options that stood on the command line. Returns 0, or 128 + the signal that
/// stopped it.
/// Errors: UsageError for options that do not go together; DataError for files and texts that do not serve;
/// Error if training diverges.
int train_command(TrainOptions options, const std::set<std::string>& given);

/// Writes a sample to standard output as it is drawn, and notes to standard error.
int sample_command(const SampleOptions& options);

/// Prints how well a model predicts a text.
int eval_command(const EvalOptions& options);

}  // namespace unroll::char_lm
