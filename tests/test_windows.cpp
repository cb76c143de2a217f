#include "unroll/data/windows.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"

using namespace unroll;

namespace {

/// Series a of six rows, b of four: y is the target, p an input of the past, k known ahead, f fixed.
TimeSeriesSet window_set() {
  return time_series(
      parse_csv("s,t,y,p,k,f\n"
                "a,2020-01,1,10,100,5\na,2020-02,2,,200,5\na,2020-03,,30,300,5\n"
                "a,2020-04,4,40,400,5\na,2020-05,5,50,500,5\na,2020-06,6,60,600,5\n"
                "b,2020-03,7,70,700,6\nb,2020-04,8,80,800,6\nb,2020-05,9,90,900,6\nb,2020-06,10,95,950,6\n",
                "f"),
      {.series = "s"});
}
const ColumnRoles window_roles{.targets = {0}, .past = {1}, .known = {2}, .fixed = {3}};

SeriesWindows windows_of(const TimeSeriesSet& set, const WindowOptions& options,
                         const std::vector<RowRange>& rows, const ColumnRoles& roles = window_roles) {
  return SeriesWindows(set, roles, options, rows, fit_filling(set, all_rows(set), FillRule::last));
}

using Floats = std::vector<float>;

}  // namespace

TEST_CASE("windows: past, known ahead, fixed and targets stand where the contract says") {
  const TimeSeriesSet set = window_set();
  const SeriesWindows w = windows_of(set, {.past = 2, .horizon = 2}, all_rows(set));
  CHECK(w.past_features() == 5);  // y p k and the indicators of y and p
  REQUIRE(w.size() == 4);         // origins 2, 3, 4 of a and 2 of b
  const std::vector<std::int64_t> which{0, 3};
  const WindowBatch b = w.batch(which);
  CHECK(b.steps == 2);
  CHECK(b.past == Floats{1, 10, 100, 0, 0, 7, 70, 700, 0, 0, 2, 10, 200, 0, 1, 8, 80, 800, 0, 0});
  CHECK(b.known == Floats{300, 900, 400, 950});
  CHECK(b.fixed == Floats{5, 6});
  CHECK(b.targets == Floats{0, 9, 4, 10});
  CHECK(b.weights == Floats{0, 1, 1, 1});
  CHECK(b.lengths == std::vector<std::int64_t>{2, 2});
  CHECK(w.place(3).series == 1);
}

TEST_CASE("windows: a target that is missing is filled where it is an input, by what is before it") {
  const TimeSeriesSet set = window_set();
  const WindowBatch b =
      windows_of(set, {.past = 1}, all_rows(set), {.targets = {0}}).at(std::vector<WindowPlace>{{0, 3}});
  CHECK(b.past == Floats{2, 1});
  const SeriesWindows mean(set, {.targets = {0}}, {.past = 1}, all_rows(set),
                           fit_filling(set, all_rows(set), FillRule::mean));
  CHECK(mean.at(std::vector<WindowPlace>{{0, 3}}).past[0] == doctest::Approx(52.0 / 9));
}

TEST_CASE("windows: those that train end before those that validate begin, whose past may reach back") {
  const TimeSeriesSet set = window_set();
  const TimeSplit split = split_in_time(set, 0.3);  // two of six months
  CHECK(split.train == std::vector<RowRange>{{0, 4}, {0, 2}});
  CHECK(split.valid == std::vector<RowRange>{{4, 6}, {2, 4}});
  const WindowOptions options{.past = 2, .horizon = 2};
  const SeriesWindows train = windows_of(set, options, split.train),
                      valid = windows_of(set, options, split.valid);
  REQUIRE(train.size() == 1);
  CHECK(train.place(0).origin + options.horizon <= split.train[0].end);
  REQUIRE(valid.size() == 2);
  CHECK(valid.place(0).origin == 4);
  CHECK(windows_of(set, {.past = 1, .stride = 3}, all_rows(set)).size() == 3);  // 1 and 4 of a, 1 of b
}

TEST_CASE("windows: at the beginning of a series the past may be shorter, and lengths say so") {
  const TimeSeriesSet set = window_set();
  const SeriesWindows w = windows_of(set, {.past = 3, .shortest = 1}, all_rows(set), {.targets = {2}});
  CHECK(w.lengths() == std::vector<std::int64_t>{1, 2, 3, 3, 3, 1, 2, 3});
  const WindowBatch b = w.batch(std::vector<std::int64_t>{0, 1});
  CHECK(b.steps == 2);
  CHECK(b.past == Floats{100, 100, 0, 200});
}

TEST_CASE("windows: a forecast beyond the end needs rows there, whose targets may be missing") {
  TimeSeriesSet set = window_set();
  extend(set, 1);
  const auto filling = fit_filling(set, all_rows(set), FillRule::last);
  const SeriesWindows w(set, {.targets = {0}}, {.past = 1}, all_rows(set), filling);
  const WindowBatch b = w.at(std::vector<WindowPlace>{{0, 6}});
  CHECK(b.past == Floats{6, 0});
  CHECK(b.weights == Floats{0});
  CHECK_THROWS_WITH_AS(w.at(std::vector<WindowPlace>{{0, 7}}),
                       "SeriesWindows: series 0 has windows from row 1 to row 6; got row 7", IndexError);
}

TEST_CASE("windows: what cannot be an input is named") {
  const TimeSeriesSet set = window_set();
  const auto rows = all_rows(set);
  auto filling = fit_filling(set, rows, FillRule::last);
  filling[0].indicator = false;
  const auto data_problem = [](auto f) { return tests::message_of<DataError>(f); };
  CHECK(data_problem([&] { SeriesWindows(set, {.targets = {0}}, {}, rows, filling); }) ==
        "f:4: column 'y': the value is missing, and has no indicator (fit_filling: always)");
  CHECK(data_problem([&] { windows_of(set, {}, rows, {.targets = {0}, .fixed = {2}}); }) ==
        "f:3: column 'k': a fixed value changes within its series, from 100 to 200");
  const TimeSeriesSet large = time_series(parse_csv("x\n1e39\n", "g"));
  CHECK(data_problem([&] { windows_of(large, {}, all_rows(large), {.targets = {0}}); }) ==
        "g:2: column 'x': the value does not fit in a float; scale it");
  const auto usage = [&](const ColumnRoles& roles, const WindowOptions& options) {
    return tests::message_of<UsageError>([&] { windows_of(set, options, rows, roles); });
  };
  CHECK(usage({.targets = {0}, .past = {0}}, {}) == "SeriesWindows: column 'y' has two roles; need one");
  CHECK(usage({.targets = {9}}, {}) == "SeriesWindows: there are 4 columns; got a role for number 9");
  CHECK(usage({}, {}) == "SeriesWindows: need at least one target");
  CHECK(usage({.targets = {0}}, {.past = 0}) ==
        "SeriesWindows: past, horizon and stride must be at least 1 (and at most 2^32); got 0, 1 and 1");
  CHECK(usage({.targets = {0}}, {.past = 2, .shortest = 3}) ==
        "SeriesWindows: shortest must be 0 to past = 2; got 3");
  CHECK_THROWS_AS(SeriesWindows(set, {.targets = {0}}, {}, rows, {}), UsageError);
  CHECK_THROWS_AS(windows_of(set, {}, {{0, 99}, {0, 1}}), UsageError);
  const SeriesWindows w = windows_of(set, {.past = 1}, rows);
  CHECK_THROWS_WITH_AS(w.place(99), "place: there are 7 windows; got number 99", IndexError);
  CHECK_THROWS_WITH_AS(w.batch({}), "SeriesWindows: need at least one window", UsageError);
  CHECK_THROWS_WITH_AS(w.at(std::vector<WindowPlace>{{2, 1}}),
                       "SeriesWindows: there are 2 series; got number 2", IndexError);
}

TEST_CASE("splits: origins roll on at one time in all series, and never beyond the part") {
  const TimeSeriesSet set = window_set();
  const auto folds = rolling_origins(set, std::vector<RowRange>{{0, 5}, {0, 3}}, 3, 1);
  REQUIRE(folds.size() == 3);
  CHECK(folds[0].train == std::vector<RowRange>{{0, 2}, {0, 0}});
  CHECK(folds[0].valid == std::vector<RowRange>{{2, 3}, {0, 1}});
  CHECK(folds[2].valid == std::vector<RowRange>{{4, 5}, {2, 3}});
  CHECK(split_at(set, read_time("2020-04").time).train == std::vector<RowRange>{{0, 3}, {0, 1}});
  CHECK_THROWS_WITH_AS(rolling_origins(set, all_rows(set), 3, 2),
                       "f: 3 folds of 2 rows leave no row to train on: the part has 6", DataError);
  CHECK_THROWS_WITH_AS(rolling_origins(set, all_rows(set), 0, 2),
                       "rolling_origins: need folds and valid of at least 1; got 0 and 2", UsageError);
  CHECK_THROWS_AS(rolling_origins(set, {}, 1, 1), UsageError);
  CHECK_THROWS_WITH_AS(split_in_time(set, 1), "split_in_time: need a fraction in [0, 1); got 1", UsageError);
}
