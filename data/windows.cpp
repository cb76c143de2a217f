#include "unroll/data/windows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::int64_t largest_window = std::int64_t{1} << 32;

std::size_t as_size(std::int64_t n) { return static_cast<std::size_t>(n); }

void check_roles(const TimeSeriesSet& set, const ColumnRoles& roles) {
  std::set<std::int64_t> seen;
  for (const auto* list : {&roles.targets, &roles.past, &roles.known, &roles.fixed})
    for (const std::int64_t c : *list) {
      if (c < 0 || c >= std::ssize(set.columns))
        raise<UsageError>("SeriesWindows: there are {} columns; got a role for number {}", set.columns.size(),
                          c);
      if (!seen.insert(c).second)
        raise<UsageError>("SeriesWindows: column '{}' has two roles; need one",
                          printable(set.columns[as_size(c)]));
    }
  if (roles.targets.empty()) raise<UsageError>("SeriesWindows: need at least one target");
}

void check_window_options(const WindowOptions& o) {
  if (o.past < 1 || o.horizon < 1 || o.stride < 1 || o.past > largest_window || o.horizon > largest_window ||
      o.stride > largest_window)
    raise<UsageError>(
        "SeriesWindows: past, horizon and stride must be at least 1 (and at most 2^32); got {}, {} and {}",
        o.past, o.horizon, o.stride);
  if (o.shortest < 0 || o.shortest > o.past)
    raise<UsageError>("SeriesWindows: shortest must be 0 to past = {}; got {}", o.past, o.shortest);
}

/// Copies rows of one series into rows of a batch.
/// Shapes: from (rows, width) into row b of to (rows, batch, width).
void place_rows(const std::vector<float>& from, std::int64_t first, std::int64_t rows, std::int64_t width,
                std::vector<float>& to, std::int64_t batch, std::int64_t b) {
  for (std::int64_t t = 0; t < rows; ++t)
    std::copy_n(from.begin() + (first + t) * width, width, to.begin() + (t * batch + b) * width);
}

/// A column of a series as an input: filled where it is missing.
class InputColumn {
 public:
  InputColumn(const TimeSeriesSet& set, std::int64_t series, std::int64_t column,
              const ColumnFilling& filling)
      : set_(set), series_(series), column_(column), filling_(filling) {}

  /// The value of a row; rows in rising order. `missing` is told whether it was.
  float next(std::int64_t row, bool& missing) {
    const double value = set_.value(series_, row, column_);
    missing = std::isnan(value);
    if (!missing && filling_.rule == FillRule::last) last_ = value, any_ = true;
    const double shown = missing ? (any_ ? last_ : filling_.mean) : value;
    if (missing && !filling_.indicator) refuse(row, "is missing, and has no indicator (fit_filling: always)");
    if (!(std::abs(shown) <= std::numeric_limits<float>::max()))
      refuse(row, "does not fit in a float; scale it");
    return static_cast<float>(shown);
  }

 private:
  [[noreturn]] void refuse(std::int64_t row, std::string_view what) const {
    raise<DataError>("{}: column '{}': the value {}", set_.place(series_, row),
                     printable(set_.columns[as_size(column_)]), what);
  }

  const TimeSeriesSet& set_;
  std::int64_t series_, column_;
  const ColumnFilling& filling_;
  double last_ = 0;
  bool any_ = false;
};

}  // namespace

SeriesWindows::SeriesWindows(const TimeSeriesSet& set, ColumnRoles roles, const WindowOptions& options,
                             std::span<const RowRange> targets, std::span<const ColumnFilling> filling)
    : roles_(std::move(roles)), options_(options) {
  check_roles(set, roles_);
  check_window_options(options_);
  if (options_.shortest == 0) options_.shortest = options_.past;
  if (filling.size() != set.columns.size() || targets.size() != set.series.size())
    raise<UsageError>(
        "SeriesWindows: need a filling for each of {} columns and a range for each of {} series; got {} and "
        "{}",
        set.columns.size(), set.series.size(), filling.size(), targets.size());
  const auto list = [&](std::initializer_list<const std::vector<std::int64_t>*> lists) {
    Features features;
    for (const auto* columns : lists)
      for (const std::int64_t c : *columns) {
        features.columns.push_back(c);
        if (filling[as_size(c)].indicator) features.indicators.push_back(c);
      }
    return features;
  };
  past_ = list({&roles_.targets, &roles_.past, &roles_.known});
  known_ = list({&roles_.known});
  fixed_ = list({&roles_.fixed});
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) gather(set, s, filling);
  list_places(targets);
}

/// The rows of one kind of features: columns, then indicators.
std::vector<float> SeriesWindows::rows_of(const Features& features, const TimeSeriesSet& set,
                                          std::int64_t series, std::int64_t rows,
                                          std::span<const ColumnFilling> filling) {
  const std::int64_t width = features.size();
  std::vector<float> values(as_size(rows * width), 0.F);
  for (std::int64_t k = 0; k < std::ssize(features.columns); ++k) {
    const std::int64_t column = features.columns[as_size(k)];
    InputColumn input(set, series, column, filling[as_size(column)]);
    const auto at = std::find(features.indicators.begin(), features.indicators.end(), column);
    const std::int64_t indicator = std::ssize(features.columns) + (at - features.indicators.begin());
    for (std::int64_t row = 0; row < rows; ++row) {
      bool missing = false;
      values[as_size(row * width + k)] = input.next(row, missing);
      if (missing) values[as_size(row * width + indicator)] = 1;
    }
  }
  return values;
}

void SeriesWindows::gather(const TimeSeriesSet& set, std::int64_t series,
                           std::span<const ColumnFilling> filling) {
  const std::int64_t rows = set.rows(series), width = std::ssize(roles_.targets);
  rows_.push_back(rows);
  past_rows_.push_back(rows_of(past_, set, series, rows, filling));
  known_rows_.push_back(rows_of(known_, set, series, rows, filling));
  fixed_rows_.push_back(fixed_of(set, series, filling));
  std::vector<float>& targets = target_rows_.emplace_back(as_size(rows * width));
  for (std::int64_t k = 0; k < rows * width; ++k)
    targets[as_size(k)] =
        static_cast<float>(set.value(series, k / width, roles_.targets[as_size(k % width)]));
}

/// The value that a fixed column has in all rows of a series that have one.
std::vector<float> SeriesWindows::fixed_of(const TimeSeriesSet& set, std::int64_t series,
                                           std::span<const ColumnFilling> filling) const {
  std::vector<float> values(as_size(fixed_.size()), 0.F);
  for (std::size_t k = 0; k < fixed_.columns.size(); ++k) {
    const std::int64_t column = fixed_.columns[k];
    InputColumn input(set, series, column, filling[as_size(column)]);
    std::int64_t row = 0;
    while (row < set.rows(series) && std::isnan(set.value(series, row, column))) ++row;
    const bool none = row == set.rows(series);
    if (none && set.rows(series) == 0) continue;
    bool missing = false;
    values[k] = input.next(none ? 0 : row, missing);
    for (std::int64_t later = row + 1; later < set.rows(series); ++later)
      if (const double value = set.value(series, later, column);
          !std::isnan(value) && value != set.value(series, row, column))
        raise<DataError>("{}: column '{}': a fixed value changes within its series, from {} to {}",
                         set.place(series, later), printable(set.columns[as_size(column)]),
                         set.value(series, row, column), value);
    const auto at = std::find(fixed_.indicators.begin(), fixed_.indicators.end(), column);
    if (missing) values[fixed_.columns.size() + as_size(at - fixed_.indicators.begin())] = 1;
  }
  return values;
}

void SeriesWindows::list_places(std::span<const RowRange> targets) {
  for (std::int64_t s = 0; s < std::ssize(rows_); ++s) {
    const auto [begin, end] = targets[as_size(s)];
    if (begin < 0 || end < begin || end > rows_[as_size(s)])
      raise<UsageError>("SeriesWindows: series {} has rows 0 to {}; got the range {} to {}", s,
                        rows_[as_size(s)], begin, end);
    for (std::int64_t origin = std::max(begin, options_.shortest); origin + options_.horizon <= end;
         origin += options_.stride)
      if (has_target(s, origin)) places_.push_back({s, origin});
  }
}

bool SeriesWindows::has_target(std::int64_t series, std::int64_t origin) const {
  const std::int64_t width = std::ssize(roles_.targets);
  const auto begin = target_rows_[as_size(series)].begin() + origin * width;
  return std::any_of(begin, begin + options_.horizon * width, [](float x) { return !std::isnan(x); });
}

std::int64_t SeriesWindows::past_of(std::int64_t origin) const { return std::min(origin, options_.past); }
std::int64_t SeriesWindows::past_features() const { return past_.size(); }
std::int64_t SeriesWindows::known_features() const { return known_.size(); }
std::int64_t SeriesWindows::fixed_features() const { return fixed_.size(); }

WindowPlace SeriesWindows::place(std::int64_t index) const {
  if (index < 0 || index >= size())
    raise<IndexError>("place: there are {} windows; got number {}", size(), index);
  return places_[as_size(index)];
}

std::vector<std::int64_t> SeriesWindows::lengths() const {
  std::vector<std::int64_t> lengths;
  for (const WindowPlace& p : places_) lengths.push_back(past_of(p.origin));
  return lengths;
}

WindowBatch SeriesWindows::batch(std::span<const std::int64_t> which) const {
  std::vector<WindowPlace> places;
  for (const std::int64_t index : which) places.push_back(place(index));
  return at(places);
}

void SeriesWindows::check_places(std::span<const WindowPlace> places) const {
  if (places.empty()) raise<UsageError>("SeriesWindows: need at least one window");
  for (const auto& [series, origin] : places) {
    if (series < 0 || series >= std::ssize(rows_))
      raise<IndexError>("SeriesWindows: there are {} series; got number {}", rows_.size(), series);
    if (origin < options_.shortest || origin > rows_[as_size(series)] - options_.horizon)
      raise<IndexError>("SeriesWindows: series {} has windows from row {} to row {}; got row {}", series,
                        options_.shortest, rows_[as_size(series)] - options_.horizon, origin);
  }
}

WindowBatch SeriesWindows::at(std::span<const WindowPlace> places) const {
  check_places(places);
  WindowBatch batch{.horizon = options_.horizon, .batch = std::ssize(places)};
  for (const WindowPlace& p : places) batch.lengths.push_back(past_of(p.origin));
  batch.steps = *std::max_element(batch.lengths.begin(), batch.lengths.end());
  batch.places.assign(places.begin(), places.end());
  const std::int64_t width = std::ssize(roles_.targets), n = batch.batch;
  batch.past.resize(as_size(batch.steps * n * past_.size()), 0.F);
  batch.known.resize(as_size(batch.horizon * n * known_.size()), 0.F);
  batch.targets.resize(as_size(batch.horizon * n * width), 0.F);
  for (std::int64_t b = 0; b < n; ++b) {
    const auto [series, origin] = places[as_size(b)];
    const std::int64_t length = batch.lengths[as_size(b)];
    const auto s = as_size(series);
    place_rows(past_rows_[s], origin - length, length, past_.size(), batch.past, n, b);
    place_rows(known_rows_[s], origin, batch.horizon, known_.size(), batch.known, n, b);
    place_rows(target_rows_[s], origin, batch.horizon, width, batch.targets, n, b);
    batch.fixed.insert(batch.fixed.end(), fixed_rows_[s].begin(), fixed_rows_[s].end());
  }
  for (float& target : batch.targets) {
    batch.weights.push_back(std::isnan(target) ? 0.F : 1.F);
    if (std::isnan(target)) target = 0;
  }
  return batch;
}

}  // namespace unroll
