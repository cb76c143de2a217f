#pragma once
/// \file What lies below the network: a forecast that is linear in the past, fitted once and then left as it is.

#include "forecast/origins.hpp"
#include "unroll/layers/module.hpp"

namespace unroll::forecast {

/// The features of a window for a forecast `step` steps beyond the origin (0: the next row): 1, the last `order` targets
/// from the newest on, what the columns known in the past only have in the last row, the columns known ahead in the
/// row to be forecast, and those of the series.
std::vector<double> linear_features(const WindowBatch& batch, std::int64_t window, std::int64_t step,
                                    const Reading& reading);

/// What: for each step ahead h, ŷ_h = w_h · x_h, with x_h as above.
/// A module without parameters: weights and deviations are buffers.
class LinearPart {
 public:
  /// How many features a forecast has.
  static std::int64_t features(const Reading& reading);
  /// With room for the weights of `features` features, to be loaded.
  LinearPart(std::int64_t horizon, std::int64_t features);

  /// Forecasts by the mean of the training part, which scaled values have as 0, or by the last value.
  static LinearPart constant(std::int64_t horizon, const Reading& reading);
  static LinearPart last_value(std::int64_t horizon, const Reading& reading);
  /// The autoregression of order reading.order, for each step ahead fitted by least squares on all origins.
  /// Errors: DataError if there are no more rows than features.
  static LinearPart autoregression(const Origins& origins, const Reading& reading, std::int64_t horizon);
  /// Takes the deviations from what comes out on these origins.
  void fit_deviation(const Origins& origins, const Reading& reading);

  /// ŷ of each window, (H, B).
  std::vector<double> operator()(const WindowBatch& batch, const Reading& reading) const;
  /// The standard deviation of y − ŷ in training, for each step ahead.
  std::vector<double> deviation() const;

  template <class V>
  void visit(V&& v) {
    v("weight", buffer(weight_));
    v("deviation", buffer(deviation_));
  }

 private:
  Variable<float> weight_, deviation_;  // (H, D), (H,)
};

/// The order in 1 … `most` whose autoregression forecasts best, the mean over all steps ahead, the last fifth of the rows of `training`
/// when it is fitted on the others. Of more than 20,000 origins every n-th counts.
std::int64_t best_order(const TimeSeriesSet& scaled, Reading reading, std::span<const RowRange> training,
                        std::span<const ColumnFilling> filling, const OriginOptions& options,
                        std::int64_t most);

}  // namespace unroll::forecast
