#pragma once
/// \file What tag can do beside training. Each returns the exit status of the process.

#include <string>

namespace unroll::tag {

struct EvalOptions {
  std::string model, text;
  int threads = 0;
};

struct PredictOptions {
  std::string model;
  int threads = 0;
};

/// Prints how well a model tags a file.
int eval_command(const EvalOptions& options);

/// Tags the lines of standard input, words between spaces: prints WORD TAB TAG, and a blank line after each
/// sentence.
int predict_command(const PredictOptions& options);

}  // namespace unroll::tag
