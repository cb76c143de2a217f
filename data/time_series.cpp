#include "unroll/data/time_series.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>
#include <numeric>

#include "unroll/data/npy.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr double not_there = std::numeric_limits<double>::quiet_NaN();
constexpr std::int64_t most_new_rows = 10'000'000;

std::size_t at_index(std::int64_t k) { return static_cast<std::size_t>(k); }

/// A name in quotes, or nothing for a series without one.
std::string series_name(const TimeSeries& series) {
  return series.name.empty() ? "" : fmt::format("series '{}', ", printable(series.name));
}

struct CircleInput {
  std::string_view name;
  TimeForm coarsest;  // of the times that tell it
};
constexpr CircleInput circle_inputs[] = {{"hour", TimeForm::time},        {"weekday", TimeForm::day},
                                         {"day-of-month", TimeForm::day}, {"day-of-year", TimeForm::day},
                                         {"month", TimeForm::quarter},    {"time", TimeForm::year}};

int days_in(std::int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 366 : 365; }

int days_in_month(const CalendarFields& f) {
  constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return f.month == 2 && days_in(f.year) == 366 ? 29 : days[f.month - 1];
}

/// Where a time is on the way from 0 to 1.
double turn_of(CalendarInput input, const CalendarFields& f) {
  const double hour = f.hour + f.minute / 60.0 + f.second / 3600.0;
  switch (input) {
    case CalendarInput::hour:
      return hour / 24;
    case CalendarInput::weekday:
      return (f.weekday - 1 + hour / 24) / 7;
    case CalendarInput::day_of_month:
      return (f.day - 1) / static_cast<double>(days_in_month(f));
    case CalendarInput::day_of_year:
      return (f.day_of_year - 1) / static_cast<double>(days_in(f.year));
    default:
      return (f.month - 1) / 12.0;
  }
}

double years_of(std::int64_t time) {
  const CalendarFields f = calendar_fields(time);
  const double day = f.day_of_year - 1 + (f.hour + f.minute / 60.0 + f.second / 3600.0) / 24;
  return static_cast<double>(f.year) + day / days_in(f.year);
}

/// Appends numbers to every row: `count` of them, which `fill` writes for a time.
template <class Fill>
void add_columns(TimeSeriesSet& set, std::size_t count, Fill fill) {
  const std::size_t old = set.columns.size() - count;
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    TimeSeries& series = set.series[at_index(s)];
    const std::size_t rows = series.lines.size();
    std::vector<double> values(rows * (old + count));
    for (std::size_t row = 0; row < rows; ++row) {
      double* const to = values.data() + row * (old + count);
      std::copy_n(series.values.data() + row * old, old, to);
      fill(set.time(s, static_cast<std::int64_t>(row)), to + old);
    }
    series.values = std::move(values);
  }
}

void check_calendar_input(const TimeSeriesSet& set, CalendarInput input) {
  const CircleInput& which = circle_inputs[static_cast<std::size_t>(input)];
  if (!set.form || *set.form == TimeForm::number)
    raise<DataError>("{}: '{}' needs times of the calendar; the series have none", set.file, which.name);
  const bool fine = *set.form >= which.coarsest;
  const bool moves = input != CalendarInput::hour || set.step.unit != TimeStep::Unit::microseconds ||
                     set.step.count % 86'400'000'000 != 0;
  if (!fine || !moves)
    raise<DataError>("{}: '{}' needs times that tell it; the series have a row for each {}", set.file,
                     which.name, name_of(set.step));
}

}  // namespace

std::int64_t TimeSeriesSet::rows(std::int64_t s) const {
  return static_cast<std::int64_t>(series.at(at_index(s)).lines.size());
}

double TimeSeriesSet::value(std::int64_t s, std::int64_t row, std::int64_t c) const {
  if (c < 0 || c >= std::ssize(columns))
    raise<IndexError>("value: there are {} columns; got {}", columns.size(), c);
  return series.at(at_index(s)).values.at(at_index(row) * columns.size() + at_index(c));
}

std::int64_t TimeSeriesSet::time(std::int64_t s, std::int64_t row) const {
  return advance(series.at(at_index(s)).start, step, row);
}

std::string TimeSeriesSet::time_text(std::int64_t s, std::int64_t row) const {
  return form ? format_time(time(s, row), *form) : std::to_string(row);
}

std::string TimeSeriesSet::place(std::int64_t s, std::int64_t row) const {
  const TimeSeries& which = series.at(at_index(s));
  const bool inside = row >= 0 && row < rows(s);
  if (const std::size_t line = inside ? which.lines.line(at_index(row)) : 0)
    return fmt::format("{}:{}", file, line);
  return form ? fmt::format("{}: {}{}", file, series_name(which), time_text(s, row))
              : fmt::format("{}: {}row {}", file, series_name(which), row + 1);
}

std::int64_t TimeSeriesSet::column(std::string_view name) const {
  std::vector<std::string> names;
  for (std::size_t k = 0; k < columns.size(); ++k) {
    if (columns[k] == name) return static_cast<std::int64_t>(k);
    if (names.size() < 20) names.push_back(printable(columns[k]));
  }
  raise<DataError>("{}: there is no column '{}'; there are {}{}", file, printable(name),
                   fmt::join(names, ", "), columns.size() > names.size() ? ", …" : "");
}

std::string TimeSeriesSet::gap_report() const {
  if (gaps.empty()) return {};
  std::int64_t total = 0;
  std::vector<std::string> first;
  const auto rows_text = [](std::int64_t n) { return fmt::format("{} row{}", n, n == 1 ? "" : "s"); };
  for (const Gap& gap : gaps) {
    total += gap.rows;
    if (first.size() == 3) continue;
    std::string text = series_name(series.at(at_index(gap.series))) + time_text(gap.series, gap.row);
    if (gap.rows > 1) text += " to " + time_text(gap.series, gap.row + gap.rows - 1);
    first.push_back(fmt::format("{} ({})", text, rows_text(gap.rows)));
  }
  return fmt::format("{} gap{}, {}: {}{}", gaps.size(), gaps.size() == 1 ? "" : "s", rows_text(total),
                     fmt::join(first, ", "), gaps.size() > first.size() ? ", …" : "");
}

TimeSeriesSet time_series(NpyArray array, const TableOptions& options) {
  const std::size_t axes = array.shape.size();
  if (axes < 1 || axes > 3)
    raise<DataError>("{}: need axes (time), (time, columns) or (series, time, columns); got {} axes",
                     array.name, axes);
  if (axes < 3) return time_series(table_of(std::move(array), options));
  const std::int64_t count = array.shape[0], rows = array.shape[1], columns = array.shape[2];
  const std::string name = array.name;
  array.shape = {count * rows, columns};
  Table table = table_of(std::move(array), options);
  Column series{.name = "series", .kind = ColumnKind::text};
  for (std::int64_t s = 0; s < count; ++s) {
    series.levels.push_back(std::to_string(s + 1));
    series.codes.insert(series.codes.end(), at_index(rows), static_cast<std::int32_t>(s));
  }
  table.columns.push_back(std::move(series));
  return time_series(std::move(table), {.series = "series"});
}

void extend(TimeSeriesSet& set, std::int64_t count) {
  if (count < 0 || count > most_new_rows)
    raise<UsageError>("extend: need 0 to {} rows; got {}", most_new_rows, count);
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s)
    if (set.form && count > 0) set.time(s, set.rows(s) + count - 1);  // it must exist
  for (TimeSeries& series : set.series) {
    series.values.resize(series.values.size() + at_index(count) * set.columns.size(), not_there);
    for (std::int64_t k = 0; k < count; ++k) series.lines.add(0);
  }
}

std::string_view name_of(CalendarInput input) { return circle_inputs[static_cast<std::size_t>(input)].name; }

CalendarInput calendar_input_named(std::string_view name) {
  std::vector<std::string_view> names;
  for (std::size_t k = 0; k < std::size(circle_inputs); ++k) {
    if (name == circle_inputs[k].name) return static_cast<CalendarInput>(k);
    names.push_back(circle_inputs[k].name);
  }
  raise<DataError>("calendar input: need one of {}; got '{}'", fmt::join(names, ", "), printable(name));
}

void add_calendar(TimeSeriesSet& set, const std::vector<CalendarInput>& inputs) {
  std::vector<std::string> names;
  for (const CalendarInput input : inputs) {
    check_calendar_input(set, input);
    const std::string name(name_of(input));
    if (input == CalendarInput::time)
      names.push_back(name);
    else
      names.insert(names.end(), {name + ".sin", name + ".cos"});
  }
  std::vector<std::string> all = set.columns;
  for (const std::string& name : names) {
    if (std::find(all.begin(), all.end(), name) != all.end())
      raise<DataError>("{}: there is a column '{}' already", set.file, name);
    all.push_back(name);
  }
  double first = std::numeric_limits<double>::infinity();
  for (const TimeSeries& series : set.series) first = std::min(first, years_of(series.start));
  set.columns = std::move(all);
  add_columns(set, names.size(), [&](std::int64_t time, double* to) {
    const CalendarFields f = calendar_fields(time);
    for (const CalendarInput input : inputs) {
      if (input == CalendarInput::time) {
        *to++ = years_of(time) - first;
        continue;
      }
      const double angle = 2 * std::numbers::pi * turn_of(input, f);
      *to++ = std::sin(angle);
      *to++ = std::cos(angle);
    }
  });
}

}  // namespace unroll
