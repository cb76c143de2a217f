#pragma once
/// \file What classify can do with a trained model; each returns the exit status of the process.

#include <cstdint>
#include <string>

namespace unroll::classify {

struct EvalOptions {
  std::string model, text, series;
  int threads = 0;
};

struct PredictOptions {
  std::string model;
  std::int64_t top = 3;
  int threads = 0;
};

/// Prints how well a model classifies examples: those of a file or folder, or if none is named those that its
/// run validated with.
/// Errors: DataError for a class that the model does not know.
int eval_command(const EvalOptions& options);

/// Reads texts from standard input, one a line, or sequences of vectors, and prints the most probable classes
/// of each with their probabilities.
int predict_command(const PredictOptions& options);

}  // namespace unroll::classify
