// Series out of tables, and series that go on in other tables.

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "unroll/data/time_series.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

/// The rows of each series of a table, in the order of the file.
struct SeriesRows {
  std::vector<std::string> names;
  std::vector<std::vector<std::size_t>> rows;
};

SeriesRows rows_by_series(const Table& table, std::string_view series) {
  SeriesRows by;
  if (series.empty()) {
    by.names.emplace_back();
    by.rows.emplace_back(table.rows());
    for (std::size_t row = 0; row < table.rows(); ++row) by.rows[0][row] = row;
    return by;
  }
  const Column& column = table.columns[table.column(series)];
  std::map<double, std::size_t> of_number;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    if (column.missing(row))
      raise<DataError>("{}: column '{}': the name of the series is missing", table.place(row),
                       printable(series));
    const double key = column.kind == ColumnKind::number ? column.numbers[row]
                       : column.kind == ColumnKind::text ? column.codes[row]
                                                         : std::numeric_limits<double>::quiet_NaN();
    if (std::isnan(key))
      raise<DataError>("{}: column '{}' holds times; need the name of a series", table.name,
                       printable(series));
    const auto [at, is_new] = of_number.try_emplace(key, by.rows.size());
    if (is_new) {
      by.rows.emplace_back();
      by.names.push_back(column.kind == ColumnKind::text
                             ? column.levels[static_cast<std::size_t>(column.codes[row])]
                             : fmt::format("{}", key));
    }
    by.rows[at->second].push_back(row);
  }
  return by;
}

/// The columns of numbers that are asked for, or all but the one that names the series.
std::vector<std::size_t> number_columns(const Table& table, const TimeSeriesOptions& options) {
  std::vector<std::size_t> columns;
  for (std::size_t k = 0; k < table.columns.size(); ++k)
    if (options.columns.empty() && table.columns[k].kind == ColumnKind::number &&
        table.columns[k].name != options.series)
      columns.push_back(k);
  for (const std::string& name : options.columns) {
    const std::size_t k = table.column(name);
    const Column& column = table.columns[k];
    if (column.kind != ColumnKind::number)
      raise<DataError>(
          "{}: column '{}' holds {}{}; need numbers", table.name, printable(name), name_of(column.kind),
          column.levels.empty() ? "" : fmt::format(", such as '{}'", printable(column.levels[0])));
    columns.push_back(k);
  }
  if (columns.empty()) raise<DataError>("{}: there is no column of numbers", table.name);
  return columns;
}

const Column* time_column(const Table& table, const std::string& name) {
  if (!name.empty()) {
    const Column& column = table.columns[table.column(name)];
    if (column.kind != ColumnKind::time)
      raise<DataError>(
          "{}: column '{}' holds {}; need times (TableOptions::time declares years and numbers as such)",
          table.name, printable(name), name_of(column.kind));
    return &column;
  }
  const Column* found = nullptr;
  for (const Column& column : table.columns) {
    if (column.kind != ColumnKind::time) continue;
    if (found)
      raise<DataError>("{}: columns '{}' and '{}' both hold times; need the name of one", table.name,
                       printable(found->name), printable(column.name));
    found = &column;
  }
  return found;
}

/// Errors: DataError for a time that is missing, there already or earlier than the one before it.
void check_order(const Table& table, const Column& time, const std::vector<std::size_t>& rows) {
  for (std::size_t k = 0; k < rows.size(); ++k) {
    const std::int64_t now = time.times[rows[k]];
    if (now == missing_time)
      raise<DataError>("{}: column '{}': the time is missing", table.place(rows[k]), printable(time.name));
    if (k == 0 || now > time.times[rows[k - 1]]) continue;
    const bool equal = now == time.times[rows[k - 1]];
    const std::size_t line = table.lines.line(rows[k - 1]);
    const std::string where = line ? fmt::format("line {}", line) : fmt::format("row {}", rows[k - 1] + 1);
    const std::string before = format_time(time.times[rows[k - 1]], time.form);
    if (equal) raise<DataError>("{}: {} is there already, in {}", table.place(rows[k]), before, where);
    raise<DataError>("{}: {} comes after {} of {}; times must rise", table.place(rows[k]),
                     format_time(now, time.form), before, where);
  }
}

/// Without times, the rows of a series must follow one another.
void check_together(const Table& table, const std::vector<std::size_t>& rows, const std::string& name) {
  for (std::size_t k = 1; k < rows.size(); ++k)
    if (rows[k] != rows[k - 1] + 1)
      raise<DataError>(
          "{}: series '{}' goes on here after another one; without a column of times nothing tells the order",
          table.place(rows[k]), printable(name));
}

TimeStep common_step(const Column& time, const SeriesRows& by) {
  std::vector<std::vector<std::int64_t>> all;
  for (const auto& rows : by.rows) {
    all.emplace_back();
    for (const std::size_t row : rows) all.back().push_back(time.times[row]);
  }
  const std::vector<std::span<const std::int64_t>> spans(all.begin(), all.end());
  if (const auto step = find_step(spans, time.form)) return *step;
  switch (time.form) {  // one row each: a step of what their times are written in
    case TimeForm::number:
      return {};
    case TimeForm::year:
      return {TimeStep::Unit::months, 12, false};
    case TimeForm::quarter:
      return {TimeStep::Unit::months, 3, false};
    case TimeForm::month:
      return {TimeStep::Unit::months, 1, false};
    default:
      return {TimeStep::Unit::microseconds, 86'400'000'000, false};
  }
}

/// Puts the rows of a table into series, with missing ones where there is a gap.
class GridFiller {
 public:
  GridFiller(const Table& table, const Column* time, std::vector<std::size_t> columns,
             const TimeSeriesOptions& options)
      : table_(table), time_(time), columns_(std::move(columns)), options_(options) {
    set_.file = table.name;
    for (const std::size_t k : columns_) set_.columns.push_back(table.columns[k].name);
  }

  void set_grid(const TimeStep& step) { set_.form = time_->form, set_.step = step; }
  void add(const std::string& name, const std::vector<std::size_t>& rows) {
    set_.series.push_back({.name = name});
    if (set_.form) set_.series.back().start = time_->times[rows[0]];
    set_.series.back().values.reserve(rows.size() * columns_.size());
    for (const std::size_t row : rows) {
      if (set_.form) fill_gap(row);
      add_row(row);
    }
  }
  TimeSeriesSet finish() { return std::move(set_); }

 private:
  void fill_gap(std::size_t row) {
    TimeSeries& series = set_.series.back();
    const auto have = static_cast<std::int64_t>(series.lines.size());
    const auto index = steps_between(series.start, time_->times[row], set_.step);
    if (!index)
      raise<DataError>(
          "{}: {} is not a whole number of steps of {} after {} (Grid::as_it_stands takes rows as they are)",
          table_.place(row), format_time(time_->times[row], time_->form), name_of(set_.step),
          format_time(series.start, time_->form));
    const std::int64_t missing = *index - have;
    if (missing <= 0) return;
    const auto most = std::min(options_.most_gap_rows, 100 * static_cast<std::int64_t>(table_.rows()));
    if (missing > most - added_)
      raise<DataError>("{}: {} would follow a gap of {} rows of {}; {} missing rows are allowed",
                       table_.place(row), format_time(time_->times[row], time_->form), missing,
                       name_of(set_.step), most);
    added_ += missing;
    set_.gaps.push_back({std::ssize(set_.series) - 1, have, missing});
    series.values.resize(series.values.size() + static_cast<std::size_t>(missing) * columns_.size(),
                         std::numeric_limits<double>::quiet_NaN());
    for (std::int64_t k = 0; k < missing; ++k) series.lines.add(0);
  }
  void add_row(std::size_t row) {
    TimeSeries& series = set_.series.back();
    for (const std::size_t k : columns_) series.values.push_back(table_.columns[k].numbers[row]);
    series.lines.add(table_.lines.line(row));
  }

  const Table& table_;
  const Column* time_;
  std::vector<std::size_t> columns_;
  const TimeSeriesOptions& options_;
  TimeSeriesSet set_;
  std::int64_t added_ = 0;
};

/// The text that a column has in all rows of a series.
std::string label_of(const Table& table, const Column& column, const std::vector<std::size_t>& rows) {
  for (const std::size_t row : rows) {
    if (column.codes[row] < 0)
      raise<DataError>("{}: column '{}': the label is missing", table.place(row), printable(column.name));
    if (column.codes[row] != column.codes[rows[0]])
      raise<DataError>("{}: column '{}': need '{}', as in the series' first row; got '{}'", table.place(row),
                       printable(column.name),
                       printable(column.levels[static_cast<std::size_t>(column.codes[rows[0]])]),
                       printable(column.levels[static_cast<std::size_t>(column.codes[row])]));
  }
  return column.levels[static_cast<std::size_t>(column.codes[rows[0]])];
}

/// Rows of one series that go on in another set.
class RowAppender {
 public:
  RowAppender(TimeSeriesSet& set, const TimeSeriesSet& more) : set_(set), more_(more) {
    for (const std::string& name : more.columns) columns_.push_back(set.column(name));
    if (set.form != more.form)
      raise<DataError>("{}: need {}, as in {}", more.file,
                       set.form ? fmt::format("times of the form {}", name_of(*set.form)) : "no times",
                       set.file);
  }

  void append(std::int64_t from) {
    const std::int64_t to = series_named(more_.series[static_cast<std::size_t>(from)].name, from);
    for (std::int64_t row = 0; row < more_.rows(from); ++row) put(to, target_row(to, from, row), from, row);
  }

 private:
  std::int64_t series_named(const std::string& name, std::int64_t from) const {
    for (std::size_t s = 0; s < set_.series.size(); ++s)
      if (set_.series[s].name == name) return static_cast<std::int64_t>(s);
    raise<DataError>("{}: there is no series '{}' in {}", more_.place(from, 0), printable(name), set_.file);
  }
  /// The row of `set` that has the time of a row in `more`.
  std::int64_t target_row(std::int64_t to, std::int64_t from, std::int64_t row) const {
    if (!set_.form) return set_.rows(to);
    const auto index =
        steps_between(set_.series[static_cast<std::size_t>(to)].start, more_.time(from, row), set_.step);
    if (!index || *index < 0)
      raise<DataError>("{}: {} does not go on with {} in steps of {}", more_.place(from, row),
                       more_.time_text(from, row), set_.file, name_of(set_.step));
    if (*index > set_.rows(to))
      raise<DataError>("{}: {} leaves a gap after {}, the last row of {}", more_.place(from, row),
                       more_.time_text(from, row), set_.time_text(to, set_.rows(to) - 1), set_.file);
    return *index;
  }
  void put(std::int64_t to, std::int64_t row, std::int64_t from, std::int64_t source) {
    TimeSeries& series = set_.series[static_cast<std::size_t>(to)];
    const std::size_t width = set_.columns.size();
    if (row == set_.rows(to)) {
      series.values.resize(series.values.size() + width, std::numeric_limits<double>::quiet_NaN());
      series.lines.add(0);
    }
    for (std::size_t k = 0; k < columns_.size(); ++k) {
      const double value = more_.value(from, source, static_cast<std::int64_t>(k));
      double& old =
          series.values[static_cast<std::size_t>(row) * width + static_cast<std::size_t>(columns_[k])];
      if (!std::isnan(value) && !std::isnan(old) && value != old)
        raise<DataError>("{}: column '{}': {} has {} at {}; got {}", more_.place(from, source),
                         printable(more_.columns[k]), set_.file, old, set_.time_text(to, row), value);
      if (!std::isnan(value)) old = value;
    }
  }

  TimeSeriesSet& set_;
  const TimeSeriesSet& more_;
  std::vector<std::int64_t> columns_;
};

}  // namespace

TimeSeriesSet time_series(Table table, const TimeSeriesOptions& options) {
  const Column* const time = time_column(table, options.time);
  const auto columns = number_columns(table, options);
  if (table.rows() == 0) raise<DataError>("{}: there are no rows", table.name);
  const SeriesRows by = rows_by_series(table, options.series);
  for (std::size_t s = 0; s < by.rows.size(); ++s)
    time ? check_order(table, *time, by.rows[s]) : check_together(table, by.rows[s], by.names[s]);
  GridFiller filler(table, time, columns, options);
  if (time && options.grid == TimeSeriesOptions::Grid::regular) filler.set_grid(common_step(*time, by));
  for (std::size_t s = 0; s < by.rows.size(); ++s) filler.add(by.names[s], by.rows[s]);
  return filler.finish();
}

void append_rows(TimeSeriesSet& set, const TimeSeriesSet& more) {
  TimeSeriesSet longer = set;  // so that an error changes nothing
  RowAppender appender(longer, more);
  for (std::int64_t s = 0; s < std::ssize(more.series); ++s) appender.append(s);
  set = std::move(longer);
}

SeriesSet labelled_series(Table table, std::string_view series, std::string_view label) {
  const Column& labels = table.columns[table.column(label)];
  if (labels.kind != ColumnKind::text)
    raise<DataError>("{}: column '{}' holds {}; need text (TableOptions::text declares it as such)",
                     table.name, printable(label), name_of(labels.kind));
  const SeriesRows by = rows_by_series(table, series);
  const TimeSeriesSet set =
      time_series(table, {.series = std::string(series), .grid = TimeSeriesOptions::Grid::as_it_stands});
  SeriesSet all{std::ssize(set.columns), {}};
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const auto& rows = by.rows[static_cast<std::size_t>(s)];
    Series one{label_of(table, labels, rows), table.place(rows[0]), set.rows(s), {}};
    for (std::int64_t row = 0; row < one.steps; ++row)
      for (std::int64_t c = 0; c < all.features; ++c) {
        const auto value = static_cast<float>(set.value(s, row, c));
        if (!std::isfinite(value))
          raise<DataError>("{}: column '{}': need a finite number", set.place(s, row),
                           printable(set.columns[static_cast<std::size_t>(c)]));
        one.values.push_back(value);
      }
    all.series.push_back(std::move(one));
  }
  return all;
}

}  // namespace unroll
