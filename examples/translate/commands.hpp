#pragma once
/// \file What translate can do beside training. Each returns the exit status of the process.

#include "translate/quality.hpp"

namespace unroll::translate {

struct EvalOptions {
  std::string model, text;
  SearchOptions search = {.beam = 5, .alpha = 0.6};
  int threads = 0;
};

struct PredictOptions {
  std::string model, plot;
  SearchOptions search = {.beam = 5, .alpha = 0.6};
  int threads = 0;
};

/// Prints how well a model translates the pairs of a file.
int eval_command(const EvalOptions& options);

/// Translates the lines of standard input.
int predict_command(const PredictOptions& options);

}  // namespace unroll::translate
