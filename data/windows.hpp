#pragma once
/// \file Windows of real-valued series: what a network sees, and what it is to forecast.

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "unroll/data/scaling.hpp"
#include "unroll/data/time_series.hpp"

namespace unroll {

/// What the columns of a set are to a forecast, by their numbers. A target is an input of the past by itself.
struct ColumnRoles {
  std::vector<std::int64_t> targets = {};  ///< what is forecast
  std::vector<std::int64_t> past = {};     ///< inputs whose future nobody knows
  std::vector<std::int64_t> known = {};    ///< inputs known ahead, such as the calendar's
  std::vector<std::int64_t> fixed =
      {};  ///< one value for each series: the same in all rows that have one (static)
};

/// The sizes of windows.
struct WindowOptions {
  std::int64_t past = 24;    ///< rows that the network sees, P
  std::int64_t horizon = 1;  ///< rows that it forecasts, H
  std::int64_t stride = 1;   ///< rows between the origins of neighbouring windows
  std::int64_t shortest =
      0;  ///< at the beginning of a series, as few rows of the past as these will do; 0: `past`
};

/// Where a window is: it sees rows before `origin` and forecasts those from it on.
struct WindowPlace {
  std::int64_t series = 0;  ///< of the set
  std::int64_t origin = 0;  ///< the first row of the future
};

/// Windows side by side. Row t of the past of window b is input row t · B + b; a window whose past is shorter than others'
/// is filled up with 0 at its end, which `lengths` keeps out of a layer.
/// Shapes: as at each member; made for `Variable<float>::from({steps, batch, features}, values)`.
struct WindowBatch {
  std::int64_t steps = 0, horizon = 0, batch = 0;  ///< the longest past; H; B
  std::vector<float> past = {};                    ///< (steps, B, past_features)
  std::vector<float> known = {};                   ///< (H, B, known_features): of the rows to be forecast
  std::vector<float> fixed = {};                   ///< (B, fixed_features)
  std::vector<float> targets = {};                 ///< (H, B, targets); 0 where missing, see `weights`
  std::vector<float> weights = {};                 ///< (H, B, targets): 1, and 0 where the target is missing
  std::vector<std::int64_t> lengths = {};          ///< (B): rows of the past that each window has
  std::vector<WindowPlace> places = {};            ///< (B)
};

/// All windows of a set whose targets lie within given rows. Inputs may reach back before those rows, so that windows that
/// validate see the training part, and never the other way round.
///
/// Features of the past: the targets, the past inputs, the known inputs, then the indicators of those of them that have
/// one, in this order. Of `known` and `fixed`: their columns, then their indicators. Where inputs are missing, they are
/// filled as `filling` says, from rows before them only.
class SeriesWindows {
 public:
  /// Windows whose H targets all lie in targets[s] of series s; none for an empty range. Those of which every target is
  /// missing are left out.
  /// Inputs: a scaled set, which is not needed after this; a filling for each column.
  /// Errors: UsageError for roles or options that are out of range, a column with two roles or no target; DataError that
  ///         names place and column if an input is missing whose filling has no indicator, if a value does not fit in a
  ///         float, or a fixed column changes within its series.
  SeriesWindows(const TimeSeriesSet& set, ColumnRoles roles, const WindowOptions& options,
                std::span<const RowRange> targets, std::span<const ColumnFilling> filling);

  /// The number of windows.
  std::int64_t size() const { return static_cast<std::int64_t>(places_.size()); }
  /// Numbers in a row of the past.
  std::int64_t past_features() const;
  /// Numbers in a row that is known ahead.
  std::int64_t known_features() const;
  /// Numbers of a series.
  std::int64_t fixed_features() const;
  /// Where window `index` is.
  /// Errors: IndexError if it is not in [0, size()).
  WindowPlace place(std::int64_t index) const;
  /// Rows of the past of each window, for BucketedBatches.
  std::vector<std::int64_t> lengths() const;

  /// The windows numbered `which`, side by side.
  /// Errors: IndexError for a number that is out of range; UsageError if there are none.
  WindowBatch batch(std::span<const std::int64_t> which) const;
  /// The window at a place of its own choice, with or without rows to be forecast in the set: for a forecast beyond its
  /// end, extend() the set by the horizon first. Targets may be missing.
  /// Errors: IndexError if the past would be shorter than allowed, or the future longer than the series.
  WindowBatch at(std::span<const WindowPlace> places) const;

 private:
  struct Features {  // of one kind of row
    std::vector<std::int64_t> columns, indicators;
    std::int64_t size() const { return std::ssize(columns) + std::ssize(indicators); }
  };
  static std::vector<float> rows_of(const Features& features, const TimeSeriesSet& set, std::int64_t series,
                                    std::int64_t rows, std::span<const ColumnFilling> filling);
  std::vector<float> fixed_of(const TimeSeriesSet& set, std::int64_t series,
                              std::span<const ColumnFilling> filling) const;
  void check_places(std::span<const WindowPlace> places) const;
  void gather(const TimeSeriesSet& set, std::int64_t series, std::span<const ColumnFilling> filling);
  void list_places(std::span<const RowRange> targets);
  bool has_target(std::int64_t series, std::int64_t origin) const;
  std::int64_t past_of(std::int64_t origin) const;

  ColumnRoles roles_;
  WindowOptions options_;
  Features past_, known_, fixed_;
  std::vector<std::vector<float>> past_rows_, known_rows_, fixed_rows_,
      target_rows_;  // by series; NaN: no target
  std::vector<std::int64_t> rows_;
  std::vector<WindowPlace> places_;
};

/// Rows of each series that train and that validate, for SeriesWindows: one range for each series.
struct TimeSplit {
  std::vector<RowRange> train, valid;  ///< by series
};

/// All rows before `time` train, the others validate; of a set without times, `time` is the number of a row.
TimeSplit split_at(const TimeSeriesSet& set, std::int64_t time);

/// The last part of the time that the set covers validates: ⌈fraction · rows⌉ rows of the longest span, at the same time in
/// all series.
/// Errors: UsageError if the fraction is not in [0, 1).
TimeSplit split_in_time(const TimeSeriesSet& set, double valid_fraction);

/// What:   `folds` splits with growing training parts: in fold k of K, the `valid` rows that begin K − k times `valid` rows
///         before the end of `part` validate, and all rows of `part` before them train.
/// Errors: UsageError if folds or valid < 1; DataError if the training part of the first has no row.
std::vector<TimeSplit> rolling_origins(const TimeSeriesSet& set, std::span<const RowRange> part,
                                       std::int64_t folds, std::int64_t valid);

/// Every row of each series.
std::vector<RowRange> all_rows(const TimeSeriesSet& set);

}  // namespace unroll
