#pragma once
/// \file The origins of forecasts: what is seen from each, and which of its targets count.

#include "forecast/source.hpp"

namespace unroll::forecast {

/// Which rows may be forecast, and from where.
struct OriginOptions {
  std::int64_t window = 36, horizon = 1, stride = 1, shortest = 1;
};

/// The origins of which one target at least lies within `targets` and is there. Every row of `targets` is forecast from 1
/// to `horizon` steps ahead, as far as there are `shortest` rows to see before.
std::vector<WindowPlace> origins_of(const TimeSeriesSet& set, std::int64_t target,
                                    std::span<const RowRange> targets, const OriginOptions& options);

/// Windows with their origins; a target outside of its range has weight 0.
class Origins {
 public:
  /// Inputs: a scaled set that holds as many rows behind the ranges as the horizon has; a filling for each column.
  /// Errors: as SeriesWindows.
  Origins(const TimeSeriesSet& set, const ColumnRoles& roles, std::vector<RowRange> targets,
          const OriginOptions& options, std::span<const ColumnFilling> filling);

  /// Windows with origins of one's own choice, each within its series or at its end; no target has weight.
  Origins(const TimeSeriesSet& set, const ColumnRoles& roles, std::vector<WindowPlace> places,
          const OriginOptions& options, std::span<const ColumnFilling> filling);

  std::int64_t size() const { return std::ssize(places_); }
  const std::vector<WindowPlace>& places() const { return places_; }
  const SeriesWindows& windows() const { return windows_; }
  /// Whether the target `step` rows behind the origin lies within the rows that may be forecast.
  bool counts(const WindowPlace& place, std::int64_t step) const;
  /// Rows of the past that each origin sees.
  std::vector<std::int64_t> lengths() const;
  /// Those numbered `which`, side by side.
  WindowBatch batch(std::span<const std::int64_t> which) const;

 private:
  OriginOptions options_;
  std::vector<RowRange> targets_;
  SeriesWindows windows_;
  std::vector<WindowPlace> places_;
};

}  // namespace unroll::forecast
