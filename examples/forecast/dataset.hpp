#pragma once
/// \file The rows that train and those that validate or test, scaled and filled as the networks see them.

#include "forecast/model.hpp"

namespace unroll::forecast {

/// How the columns of a set are scaled and filled.
struct Preparation {
  std::vector<ColumnScaling> scaling;
  std::vector<ColumnFilling> filling;
};

/// Fits scaling and filling on the rows that train, and says in `reading` how many features follow.
/// Errors: as fit_scaling and fit_filling.
Preparation fit_preparation(const Source& source, Reading& reading, std::span<const RowRange> training,
                            const TrainOptions& options);

/// How windows are cut.
OriginOptions origin_options(const TrainOptions& options, const Reading& reading);

/// The origins of forecasts of the rows `targets`; from none of them is anything to be seen behind a range's end.
Origins origins_in(const Source& source, const Reading& reading, const Preparation& preparation,
                   const std::vector<RowRange>& targets, const OriginOptions& options);

/// The same of origins of one's own choice; nothing is to be seen behind the ends of `rows`.
Origins origins_from(const Source& source, const Reading& reading, const Preparation& preparation,
                     std::vector<WindowPlace> places, const std::vector<RowRange>& rows,
                     const OriginOptions& options);

/// What a model says of one row.
struct Forecast {
  const ColumnScaling& scaling;
  double below, unit;  ///< what the linear part says, and its deviation, scaled
  Distribution error;  ///< in such units

  double centre() const { return scaling.invert(below + unit * error.centre()); }
  double quantile(double p) const { return scaling.invert(below + unit * error.quantile(p)); }
  double linear() const { return scaling.invert(below); }
  double linear_quantile(double p) const { return scaling.invert(below + unit * normal_quantile(p)); }
};

/// Calls visit(place, step, forecast) for each row ahead (step 0: the next) of each origin; those whose target does not
/// count, too. Returns the mean loss over those that do.
double for_each_forecast(const Forecaster& model, const Origins& origins, const ColumnScaling& scaling,
                         const std::function<void(const WindowPlace&, std::int64_t, const Forecast&)>& visit);

/// A new model: the linear part fitted to the origins that train, and networks that add nothing yet.
/// Errors: UsageError for a cell that does not exist, or for sizes beyond the machine's memory; DataError for too few rows.
Forecaster new_model(const TrainOptions& options, const Reading& reading, const Preparation& preparation,
                     const Origins& training);
/// One with the shapes of a saved run, to be loaded.
Forecaster empty_model(const TrainOptions& options, const Reading& reading);

}  // namespace unroll::forecast
