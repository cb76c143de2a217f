#pragma once
/// \file A trained model beside the data that it is to forecast.

#include "forecast/trainer.hpp"

namespace unroll::forecast {

/// What eval, predict and plot begin with.
struct SavedModel {
  SavedRun run;
  Forecaster model;
  Source source;
  Preparation preparation;
  std::vector<RowRange> trained;  ///< rows of each series that the run learned from

  const Reading& reading() const { return run.reading; }
  const ColumnScaling& target_scaling() const {
    return preparation.scaling[static_cast<std::size_t>(reading().roles.targets[0])];
  }
  /// The rows from a time on, as it is written in the file (or from a row, from 0); of an empty text, those that follow what
  /// was learned.
  /// Errors: UsageError for what is no time; DataError if there is no such row.
  std::vector<RowRange> rows_from(const std::string& time) const;
  /// The origins from which these rows are forecast.
  Origins origins(const std::vector<RowRange>& rows) const;
  /// The end of each series, for the forecast of what comes next.
  /// Errors: DataError if a series is too short, or if what must be known ahead is missing.
  Origins origins_at_end() const;
};

/// Loads a run, and reads the data that it was trained on, or others.
/// Errors: DataError for data that are no longer those of the run, unless `data` names others; as read_source.
SavedModel load_model(const std::string& model, const std::string& data, int threads);

/// The steps ahead to look at, checked; if none are named the first and the last.
/// Errors: UsageError for one that is not in the model's horizon.
std::vector<std::int64_t> chosen_steps(std::vector<std::int64_t> steps, std::int64_t horizon);

/// Errors: UsageError for an interval that the model's quantiles do not hold.
void check_level(double level, const TrainOptions& options);

}  // namespace unroll::forecast
