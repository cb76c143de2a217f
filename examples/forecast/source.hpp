#pragma once
/// \file The table that forecast reads, as series on a grid of time.

#include "forecast/options.hpp"
#include "forecast/reading.hpp"

namespace unroll::forecast {

/// The series of a file, in its own units, with room for the inputs known ahead of a forecast.
struct Source {
  TimeSeriesSet set;               ///< with `horizon` rows more than the file has
  std::vector<std::int64_t> rows;  ///< of each series up to its last target
  std::string checksum;

  std::int64_t series() const { return std::ssize(set.series); }
  /// A value of the target, NaN where missing.
  double target(std::int64_t series, std::int64_t row, const Reading& reading) const {
    return set.value(series, row, reading.roles.targets[0]);
  }
};

/// Reads what the options name. What follows of columns and words goes to `reading`; where that has columns already, those
/// of a saved run, the file must have them too.
/// Errors: UsageError for options that do not go together; DataError for a file that does not serve.
Source read_source(const TrainOptions& options, Reading& reading);

/// The names of a list such as `a,b`; one in double quotes may hold commas.
std::vector<std::string> names_in(std::string_view list);

/// The rows of each series before `time`, and those from it to the last target.
struct Parts {
  std::vector<RowRange> before, from;
};
Parts parts_at(const Source& source, std::int64_t time);

/// Where the last `holdout` rows begin, as a time; of series that end at different times, before the end of the latest.
/// Errors: DataError if nothing is left before it.
std::int64_t holdout_begin(const Source& source, std::int64_t holdout);

/// A copy in which nothing is left of targets and past-only columns behind the end of each range.
TimeSeriesSet hidden_behind(const Source& source, const ColumnRoles& roles, std::span<const RowRange> ranges);

}  // namespace unroll::forecast
