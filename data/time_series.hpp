#pragma once
/// \file Real-valued series on a regular grid of time, out of a table.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/series.hpp"
#include "unroll/data/table.hpp"

namespace unroll {

struct NpyArray;

/// One series. Its values are those of `TimeSeriesSet::columns`, row by row: value c of row t is
/// values[t * columns + c], NaN where missing and nowhere else.
struct TimeSeries {
  std::string name = {};            ///< what the series column says; empty without one
  std::int64_t start = 0;           ///< the time of row 0; without a time column 0
  std::vector<double> values = {};  ///< rows · columns numbers
  RowLines lines = {};              ///< which line each row stands in; 0: a gap, or added
};

/// A run of rows that the file does not have.
struct Gap {
  std::int64_t series = 0;  ///< of the set
  std::int64_t row = 0;     ///< the first missing row
  std::int64_t rows = 0;    ///< how many
};

/// Series with the same columns and the same step.
struct TimeSeriesSet {
  std::string file = {};                  ///< for messages
  std::vector<std::string> columns = {};  ///< their names
  std::vector<TimeSeries> series = {};    ///< in the order in which they first occur
  std::optional<TimeForm> form = {};      ///< nothing without a time column
  TimeStep step = {};                     ///< from row to row
  std::vector<Gap> gaps = {};             ///< which rows were added as missing

  /// Rows of a series.
  std::int64_t rows(std::int64_t series) const;
  /// A value, NaN where missing.
  double value(std::int64_t series, std::int64_t row, std::int64_t column) const;
  /// The time of a row, which may lie before or beyond the series.
  std::int64_t time(std::int64_t series, std::int64_t row) const;
  /// The time of a row as text, or its number from 0 without a time column.
  std::string time_text(std::int64_t series, std::int64_t row) const;
  /// Where a row stands, for messages: `file:line`, or `file: series 'a', 1949-03` of a row that is in no line.
  std::string place(std::int64_t series, std::int64_t row) const;
  /// The number of a column.
  /// Errors: DataError that lists the names if there is none.
  std::int64_t column(std::string_view name) const;
  /// In words, for a program to show: `2 gaps, 5 rows: 1949-03 to 1949-05 (3 rows), 1950-02 (1 row)`, the first three;
  /// empty without gaps.
  std::string gap_report() const;
};

/// Which columns of a table are what.
struct TimeSeriesOptions {
  std::string time = {};    ///< the column of times; empty: the only one that holds times, if there is one
  std::string series = {};  ///< the column that names the series (long format); empty: one series
  std::vector<std::string> columns = {};  ///< the columns of numbers; empty: all of them
  /// Whether rows are put on a regular grid of time.
  enum class Grid { regular, as_it_stands };
  Grid grid = Grid::regular;  ///< as_it_stands: rows follow one another as in the file, whatever their times
  std::int64_t most_gap_rows =
      1'000'000;  ///< more rows than these, or than 100 times those of the file, are not added
};

/// The series of a table. Times must rise within a series; the step is found from all series together, and where the file
/// has no row for a step there will be one that is missing.
/// Errors: DataError `file:line: …` for a time that is there twice, comes after a later one, is missing or does not lie on
///         the grid; `file: …` for columns that are not there or hold no numbers, more gaps than allowed, or series without
///         a time column of which one is interrupted by another.
TimeSeriesSet time_series(Table table, const TimeSeriesOptions& options = {});

/// The same of an array with axes (time), (time, columns) or (series, time, columns).
/// Errors: DataError for other numbers of axes; NaN and infinity, as table_of.
TimeSeriesSet time_series(NpyArray array, const TableOptions& options = {});

/// Adds missing rows at the end of each series: room for the inputs known ahead of a forecast.
/// Errors: UsageError if count < 0 or above 10⁷.
void extend(TimeSeriesSet& set, std::int64_t count);

/// Appends to `set` the rows of `more` (such as a file of inputs known ahead) that follow those that it has, by the names
/// of series and columns; columns that `more` lacks are missing there, and a row that both have must not differ where both
/// have a value.
/// Errors: DataError that names the place for a row that differs, does not lie on the grid or leaves a series that `set`
///         does not have; for columns that `set` does not have.
void append_rows(TimeSeriesSet& set, const TimeSeriesSet& more);

/// What a calendar tells about a row, known ahead at any time.
enum class CalendarInput { hour, weekday, day_of_month, day_of_year, month, time };
/// `hour`, `weekday`, `day-of-month`, `day-of-year`, `month`, `time`.
std::string_view name_of(CalendarInput input);
/// Errors: DataError listing the names for any other.
CalendarInput calendar_input_named(std::string_view name);

/// Adds two columns for each input, `month.sin` and `month.cos` and so on: the point of a circle that goes round once in a
/// day, week, month or year. CalendarInput::time adds one: years since the first row of the set.
/// Errors: DataError if the set has no times of the calendar, or none fine enough: an hour of days; or has the column already.
void add_calendar(TimeSeriesSet& set, const std::vector<CalendarInput>& inputs);

/// Labelled sequences, as classify takes them: the columns of numbers of a table in long format, and for each series the
/// one text that `label` has in all its rows.
/// Errors: DataError `file:line: …` for a value or label that is missing, or a label that changes within a series; as
///         time_series.
SeriesSet labelled_series(Table table, std::string_view series, std::string_view label);

}  // namespace unroll
