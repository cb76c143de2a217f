// Parts of series that train and that validate.

#include <algorithm>
#include <cmath>

#include "unroll/data/windows.hpp"

namespace unroll {
namespace {

/// The first row of a series that is not before `time`.
std::int64_t row_not_before(const TimeSeriesSet& set, std::int64_t s, std::int64_t time) {
  std::int64_t low = 0, high = set.rows(s);
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    if (set.time(s, middle) < time)
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/// How many rows a series would have more, had it begun at `time`.
std::int64_t rows_before(const TimeSeriesSet& set, std::int64_t s, std::int64_t time) {
  if (set.time(s, 0) <= time) return 0;
  std::int64_t low = 0, high = 1;
  while (set.time(s, -high) > time) low = high, high *= 2;
  while (low + 1 < high) {
    const std::int64_t middle = low + (high - low) / 2;
    (set.time(s, -middle) > time ? low : high) = middle;
  }
  return high;
}

/// The series of whose rows in `part` the last has the latest time; −1 if there is no row.
std::int64_t latest_series(const TimeSeriesSet& set, std::span<const RowRange> part) {
  std::int64_t latest = -1;
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const auto at = [&](std::int64_t k) { return set.time(k, part[static_cast<std::size_t>(k)].end - 1); };
    if (part[static_cast<std::size_t>(s)].end > part[static_cast<std::size_t>(s)].begin &&
        (latest < 0 || at(s) > at(latest)))
      latest = s;
  }
  return latest;
}

/// What of `part` is before one time, and what is from there up to another.
TimeSplit cut_part(const TimeSeriesSet& set, std::span<const RowRange> part, std::int64_t from,
                   std::int64_t to) {
  TimeSplit split;
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const RowRange range = part[static_cast<std::size_t>(s)];
    const std::int64_t cut = std::clamp(row_not_before(set, s, from), range.begin, range.end);
    const std::int64_t end = std::clamp(row_not_before(set, s, to), cut, range.end);
    split.train.push_back({range.begin, cut});
    split.valid.push_back({cut, end});
  }
  return split;
}

}  // namespace

std::vector<RowRange> all_rows(const TimeSeriesSet& set) {
  std::vector<RowRange> ranges;
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) ranges.push_back({0, set.rows(s)});
  return ranges;
}

TimeSplit split_at(const TimeSeriesSet& set, std::int64_t time) {
  TimeSplit split;
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const std::int64_t cut = row_not_before(set, s, time);
    split.train.push_back({0, cut});
    split.valid.push_back({cut, set.rows(s)});
  }
  return split;
}

TimeSplit split_in_time(const TimeSeriesSet& set, double valid_fraction) {
  if (!(valid_fraction >= 0 && valid_fraction < 1))
    raise<UsageError>("split_in_time: need a fraction in [0, 1); got {}", valid_fraction);
  const auto part = all_rows(set);
  const std::int64_t last = latest_series(set, part);
  if (last < 0) return {part, part};
  std::int64_t first = set.time(last, 0);
  for (const TimeSeries& series : set.series)
    if (series.lines.size() > 0) first = std::min(first, series.start);
  const std::int64_t end = set.rows(last), span = end + rows_before(set, last, first);
  const auto valid = static_cast<std::int64_t>(std::ceil(valid_fraction * static_cast<double>(span) - 1e-9));
  return split_at(set, set.time(last, end - valid));
}

std::vector<TimeSplit> rolling_origins(const TimeSeriesSet& set, std::span<const RowRange> part,
                                       std::int64_t folds, std::int64_t valid) {
  if (folds < 1 || valid < 1)
    raise<UsageError>("rolling_origins: need folds and valid of at least 1; got {} and {}", folds, valid);
  if (std::ssize(part) != std::ssize(set.series))
    raise<UsageError>("rolling_origins: need a range for each of {} series; got {}", set.series.size(),
                      part.size());
  const std::int64_t last = latest_series(set, part);
  const RowRange range = last < 0 ? RowRange{} : part[static_cast<std::size_t>(last)];
  if (valid > (range.end - range.begin - 1) / folds)
    raise<DataError>("{}: {} folds of {} rows leave no row to train on: the part has {}", set.file, folds,
                     valid, range.end - range.begin);
  std::vector<TimeSplit> splits;
  for (std::int64_t k = 0; k < folds; ++k) {
    const std::int64_t from = range.end - (folds - k) * valid;
    splits.push_back(cut_part(set, part, set.time(last, from), set.time(last, from + valid - 1) + 1));
  }
  return splits;
}

}  // namespace unroll
