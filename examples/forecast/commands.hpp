#pragma once
/// \file What forecast can do beside training; each returns the exit status of the process.

#include "forecast/options.hpp"

namespace unroll::forecast {

struct EvalOptions {
  std::string model, data, from;
  std::vector<std::int64_t> steps;  ///< ahead; empty: the first and the last of the horizon
  std::int64_t season = 0, order = 0;
  double level = 0.9;
  int threads = 0;
};

struct PredictOptions {
  std::string model, data, from, out;
  double level = 0.9;
  int threads = 0;
};

struct PlotOptions {
  std::string model, data, from, out, series;
  std::vector<std::int64_t> steps;
  std::int64_t rows = 150;
  double level = 0.9;
  int threads = 0;
};

struct ValidateOptions {
  std::int64_t folds = 3, rows = 0;
};

/// Prints how well a model forecasts the rows that it was not trained on, from every origin, beside the baselines.
/// Errors: DataError for a file without such rows, or with other columns.
int eval_command(const EvalOptions& options);

/// Writes forecasts with intervals as CSV: of the rows behind the end of the data, or, rolling, from every origin from a time on.
/// Errors: as eval_command; DataError for inputs known ahead that are missing.
int predict_command(const PredictOptions& options);

/// Draws forecasts, intervals and what came true.
/// Errors: as predict_command.
int plot_command(const PlotOptions& options);

/// Trains on the beginning of the data and forecasts what follows, several times, and prints the errors of each epoch: to
/// choose options by. It writes nothing.
/// Errors: as training.
int validate_command(const TrainOptions& options, const ValidateOptions& validation);

}  // namespace unroll::forecast
