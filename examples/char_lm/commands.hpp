#pragma once
/// \file What char_lm can do; main.cpp reads the command line and calls one of these. Each returns the exit
/// status of the process.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "unroll/layers/sampling.hpp"

namespace unroll::char_lm {

struct SampleOptions {
  std::string model, prime;
  std::int64_t length = 500;
  SamplingOptions drawing;
  std::optional<std::uint64_t> seed;
  bool check_words = false;
  int threads = 0;
};

struct EvalOptions {
  std::string model, text;
  double valid_fraction = 0;
  std::int64_t batch = 0;
  int threads = 0;
};

struct ColourOptions {
  std::string model, text, out = "units.html", state;
  std::vector<std::int64_t> layers;
  std::int64_t length = 3000, ranked = 20000;
  int threads = 0;
};

/// Writes a sample to standard output as it is drawn, and notes to standard error. With `check_words`, a line follows
/// that tells how many of the sample's words stand in the text that the model has learned.
int sample_command(const SampleOptions& options);

/// Prints how well a model predicts a text.
int eval_command(const EvalOptions& options);

/// Writes a page that paints a text by what each hidden unit does, and prints which units track what.
int colour_command(const ColourOptions& options);

}  // namespace unroll::char_lm
