#include "unroll/data/time_series.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "arrays.hpp"

using namespace unroll;

namespace {

TimeSeriesSet series_set(std::string_view text, const TimeSeriesOptions& options = {},
                         const TableOptions& table = {}) {
  return time_series(parse_csv(text, "f", table), options);
}
std::string series_problem(std::string_view text, const TimeSeriesOptions& options = {},
                           const TableOptions& table = {}) {
  return tests::message_of<DataError>([&] { series_set(text, options, table); });
}

}  // namespace

TEST_CASE("time series: gaps become missing rows, and are reported") {
  const TimeSeriesSet set = series_set("t,x\n1949-11,1\n1950-01,2\n1950-04,3\n1950-05,4\n");
  CHECK(name_of(set.step) == "1 month");
  REQUIRE(set.rows(0) == 7);
  CHECK(std::isnan(set.value(0, 1, 0)));
  CHECK(set.value(0, 2, 0) == 2);
  CHECK(set.time_text(0, 7) == "1950-06");
  CHECK(set.place(0, 2) == "f:3");
  CHECK(set.place(0, 1) == "f: 1949-12");
  CHECK(set.gap_report() == "2 gaps, 3 rows: 1949-12 (1 row), 1950-02 to 1950-03 (2 rows)");
  CHECK(series_set("x\n1\n2\n").gap_report() == "");
}

TEST_CASE("time series: in long format each series has its own rows, on one grid") {
  const TimeSeriesSet set =
      series_set("s,t,x\nb,2020-01-01,1\na,2020-01-01,2\nb,2020-01-02,3\na,2020-01-03,4\n", {.series = "s"});
  REQUIRE(set.series.size() == 2);
  CHECK(set.series[0].name == "b");
  CHECK(set.rows(0) == 2);
  CHECK(set.rows(1) == 3);
  CHECK(set.place(1, 2) == "f:5");
  CHECK(set.gap_report() == "1 gap, 1 row: series 'a', 2020-01-02 (1 row)");
  CHECK(series_set("s,x\n1,5\n1,6\n2,7\n", {.series = "s"}).series[1].name == "2");
}

TEST_CASE("time series: duplicates, disorder and what is off the grid are named with their lines") {
  CHECK(series_problem("t,x\n1949-01,1\n1949-01,2\n") == "f:3: 1949-01 is there already, in line 2");
  CHECK(series_problem("t,x\n1949-02,1\n1949-01,2\n") ==
        "f:3: 1949-01 comes after 1949-02 of line 2; times must rise");
  CHECK(series_problem("t,x\n2020-01-01,1\n2020-01-03,2\n2020-01-06,3\n") ==
        "f:4: 2020-01-06 is not a whole number of steps of 2 days after 2020-01-01 (Grid::as_it_stands takes "
        "rows as they are)");
  CHECK(series_problem("t,x\n2020-01-01,1\n,2\n") == "f:3: column 't': the time is missing");
  CHECK(
      series_problem("t,x\n2020-01-01 00:00:00,1\n2020-01-01 00:00:01,2\n2024-01-01 00:00:00,3\n") ==
      "f:4: 2024-01-01 00:00 would follow a gap of 126230398 rows of 1 second; 300 missing rows are allowed");
  CHECK(series_problem("s,x\na,1\nb,2\na,3\n", {.series = "s"}) ==
        "f:4: series 'a' goes on here after another one; without a column of times nothing tells the order");
  CHECK(series_problem("s,x\na,1\n,2\n", {.series = "s"}) ==
        "f:3: column 's': the name of the series is missing");
}

TEST_CASE("time series: columns that do not serve are named") {
  CHECK(series_problem("s\na\n") == "f: there is no column of numbers");
  CHECK(series_problem("s,x\na,1\n", {.columns = {"s"}}) ==
        "f: column 's' holds text, such as 'a'; need numbers");
  CHECK(series_problem("s,x\na,1\n", {.time = "x"}) ==
        "f: column 'x' holds numbers; need times (TableOptions::time declares years and numbers as such)");
  CHECK(series_problem("t,u,x\n2020-01,2020-01,1\n") ==
        "f: columns 't' and 'u' both hold times; need the name of one");
  CHECK(series_problem("t,x\n2020-01,1\n", {.series = "t"}) ==
        "f: column 't' holds times; need the name of a series");
  const TimeSeriesSet years = series_set("t,x\n1949,1\n1951,2\n", {}, {.time = "t"});
  CHECK(name_of(years.step) == "2 years");
  CHECK_THROWS_WITH_AS(years.column("y"), "f: there is no column 'y'; there are x", DataError);
  CHECK(series_set("t,x\n2020-01-01,1\n2020-01-03,2\n2020-01-06,3\n",
                   {.grid = TimeSeriesOptions::Grid::as_it_stands})
            .rows(0) == 3);
}

TEST_CASE("time series: the calendar's inputs are points of a circle, beyond the last row too") {
  TimeSeriesSet set = series_set("t,x\n2020-01-01,1\n2020-01-02,2\n");
  extend(set, 2);
  add_calendar(set, {CalendarInput::day_of_year, CalendarInput::weekday, CalendarInput::time});
  CHECK(set.columns == std::vector<std::string>{"x", "day-of-year.sin", "day-of-year.cos", "weekday.sin",
                                                "weekday.cos", "time"});
  CHECK(set.value(0, 0, 1) == 0);
  CHECK(set.value(0, 3, 1) == doctest::Approx(std::sin(2 * 3.14159265358979 * 3 / 366)));
  CHECK(set.value(0, 0, 3) == doctest::Approx(std::sin(2 * 3.14159265358979 * 2 / 7)));  // a Wednesday
  CHECK(set.value(0, 3, 5) == doctest::Approx(3.0 / 366));
  CHECK(std::isnan(set.value(0, 2, 0)));
  CHECK_THROWS_WITH_AS(add_calendar(set, {CalendarInput::time}), "f: there is a column 'time' already",
                       DataError);
  CHECK_THROWS_WITH_AS(add_calendar(set, {CalendarInput::hour}),
                       "f: 'hour' needs times that tell it; the series have a row for each 1 day", DataError);
  TimeSeriesSet none = series_set("x\n1\n");
  CHECK_THROWS_WITH_AS(add_calendar(none, {CalendarInput::month}),
                       "f: 'month' needs times of the calendar; the series have none", DataError);
  CHECK(calendar_input_named("month") == CalendarInput::month);
  CHECK_THROWS_WITH_AS(
      calendar_input_named("moon"),
      "calendar input: need one of hour, weekday, day-of-month, day-of-year, month, time; got 'moon'",
      DataError);
  CHECK_THROWS_WITH_AS(extend(set, -1), "extend: need 0 to 10000000 rows; got -1", UsageError);
}

TEST_CASE("time series: rows of another file go on where the first one ends, or are refused") {
  TimeSeriesSet set = series_set("t,x,k\n2020-01-31,1,5\n2020-02-29,2,6\n");
  append_rows(set, time_series(parse_csv("t,k\n2020-02-29,6\n2020-03-31,7\n", "g")));
  REQUIRE(set.rows(0) == 3);
  CHECK(std::isnan(set.value(0, 2, 0)));
  CHECK(set.value(0, 2, 1) == 7);
  const auto problem = [&](std::string_view text) {
    return tests::message_of<DataError>([&] { append_rows(set, time_series(parse_csv(text, "g"))); });
  };
  CHECK(problem("t,k\n2020-02-29,9\n") == "g:2: column 'k': f has 6 at 2020-02-29; got 9");
  CHECK(problem("t,k\n2020-05-31,9\n") == "g:2: 2020-05-31 leaves a gap after 2020-03-31, the last row of f");
  CHECK(problem("t,k\n2020-05-30,9\n") == "g:2: 2020-05-30 does not go on with f in steps of 1 month");
  CHECK(problem("t,y\n2020-04-30,9\n") == "f: there is no column 'y'; there are x, k");
  CHECK(problem("k\n9\n") == "g: need times of the form day, as in f");
  CHECK(set.rows(0) == 3);
}

TEST_CASE("time series: a table in long format gives labelled sequences") {
  const Table t = parse_csv("id,class,a,b\n1,run,1,2\n1,run,3,4\n2,walk,5,6\n", "f");
  const SeriesSet set = labelled_series(t, "id", "class");
  CHECK(set.features == 2);
  REQUIRE(set.series.size() == 2);
  CHECK(set.series[0].label == "run");
  CHECK(set.series[0].values == std::vector<float>{1, 2, 3, 4});
  CHECK(set.series[1].place == "f:4");
  const auto problem = [](std::string_view text) {
    return tests::message_of<DataError>([&] { labelled_series(parse_csv(text, "f"), "id", "class"); });
  };
  CHECK(problem("id,class,a\n1,run,1\n1,walk,3\n") ==
        "f:3: column 'class': need 'run', as in the series' first row; got 'walk'");
  CHECK(problem("id,class,a\n1,run,1\n1,,3\n") == "f:3: column 'class': the label is missing");
  CHECK(problem("id,class,a\n1,run,\n") == "f:2: column 'a': need a finite number");
  CHECK(problem("id,class,a\n1,2,3\n") ==
        "f: column 'class' holds numbers; need text (TableOptions::text declares it as such)");
}
