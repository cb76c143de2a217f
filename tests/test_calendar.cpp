#include "unroll/data/calendar.hpp"

#include <doctest/doctest.h>

#include "arrays.hpp"

using namespace unroll;

namespace {

constexpr std::int64_t one_day = 86'400'000'000;

/// A time that must be sound.
std::int64_t time_at(std::string_view text) {
  const TimeReading reading = read_time(text);
  REQUIRE_MESSAGE(reading.problem.empty(), reading.problem);
  return reading.time;
}

std::string time_problem(std::string_view text) { return read_time(text).problem; }

std::vector<std::int64_t> times_at(std::initializer_list<std::string_view> texts) {
  std::vector<std::int64_t> times;
  for (const auto text : texts) times.push_back(time_at(text));
  return times;
}

std::string step_name(std::initializer_list<std::string_view> texts) {
  const auto times = times_at(texts);
  return name_of(find_step(times, read_time(*texts.begin()).form).value());
}

}  // namespace

TEST_CASE("calendar: times count from 1970, before it too, and are written as they were read") {
  CHECK(time_at("1970-01-01") == 0);
  CHECK(time_at("1969-12-31") == -one_day);
  CHECK(time_at("2000-03-01") == 11'017 * one_day);  // date -d 2000-03-01 +%s, in days
  CHECK(time_at("1970-01-01T00:00:01.5Z") == 1'500'000);
  CHECK(time_at("1970-01-01 01:00+01:00") == 0);
  for (const char* text : {"0001", "1749-Q4", "1749-01", "9999-12-31", "1815-06-18 11:35",
                           "1969-12-31 23:59:59", "1969-12-31 23:59:59.25"}) {
    const TimeReading reading = read_time(text);
    CHECK(format_time(reading.time, reading.form) == text);
  }
  CHECK(read_time("-12").form == TimeForm::number);
  CHECK(read_time("1949").form == TimeForm::year);
  CHECK(read_time("1949", TimeForm::number).time == 1949);
}

TEST_CASE("calendar: what is no time is told in words") {
  const std::string none = "it is no date such as 1949-01, 1949-01-31 or 1949-01-31 12:00";
  for (const char* text :
       {"", "x", "1949-1", "1949-01-", "1949-01-01x", "1949-01-01 12", "1949-Q", "31/01/1949"})
    CHECK_MESSAGE(time_problem(text) == none, text);
  CHECK(time_problem("1900-02-29") == "there is no 29 February 1900");
  CHECK(time_problem("2000-02-29") == "");
  CHECK(time_problem("1949-13") == "there is no month 13");
  CHECK(time_problem("1949-Q5") == "there is no quarter 5");
  CHECK(time_problem("0000-01") == "years begin at 0001");
  CHECK(time_problem("1949-01-01 24:00") == "hours go from 00 to 23, minutes and seconds from 00 to 59");
  CHECK(time_problem("1949-01-01 12:00:00.") == "a fraction of a second has one to six digits");
  CHECK(time_problem("1949-01-01 12:00+99:00") == "an offset from UTC is +hh:mm");
  CHECK(time_problem("99999999999999999999") == "it is too large");
}

TEST_CASE("calendar: the parts of a time are those of the calendar") {
  const CalendarFields f = calendar_fields(time_at("1815-06-18 11:35:07.000009"));
  CHECK(f.year == 1815);
  CHECK(f.month == 6);
  CHECK(f.day == 18);
  CHECK(f.weekday == 7);  // Waterloo was on a Sunday
  CHECK(f.day_of_year == 169);
  CHECK(f.hour == 11);
  CHECK(f.minute == 35);
  CHECK(f.second == 7);
  CHECK(f.microsecond == 9);
}

TEST_CASE("calendar: the step is found, and months of different lengths are one step") {
  CHECK(step_name({"1949-01", "1949-02", "1949-04"}) == "1 month");
  CHECK(step_name({"1949-01-01", "1949-02-01", "1949-03-01"}) == "1 month");
  CHECK(step_name({"2023-01-31", "2023-02-28", "2023-03-31"}) == "1 month");
  CHECK(step_name({"1949-Q1", "1949-Q2"}) == "1 quarter");
  CHECK(step_name({"1949", "1951", "1953"}) == "2 years");
  CHECK(step_name({"2023-02-27", "2023-02-28", "2023-03-02"}) == "1 day");
  CHECK(step_name({"2023-02-27", "2023-03-06"}) == "7 days");
  CHECK(step_name({"2023-02-27 00:00", "2023-02-27 00:15"}) == "15 minutes");
  CHECK(step_name({"2023-02-27 00:00:00", "2023-02-27 00:00:00.02"}) == "0.02 seconds");
  CHECK(step_name({"0", "3", "9"}) == "3");
  CHECK_FALSE(find_step(times_at({"1949-01"}), TimeForm::month).has_value());
}

TEST_CASE("calendar: steps lead from a time to another and back") {
  const TimeStep month{TimeStep::Unit::months, 1, false}, end{TimeStep::Unit::months, 1, true};
  CHECK(advance(time_at("1949-12"), month, 2) == time_at("1950-02"));
  CHECK(advance(time_at("1949-01"), month, -1) == time_at("1948-12"));
  CHECK(advance(time_at("2023-02-28"), end, 1) == time_at("2023-03-31"));
  CHECK(advance(time_at("2023-01-30"), month, 1) == time_at("2023-02-28"));
  CHECK(steps_between(time_at("2023-02-28"), time_at("2024-02-29"), end) == 12);
  CHECK_FALSE(steps_between(time_at("2023-01-01"), time_at("2023-02-02"), month).has_value());
  CHECK(steps_between(time_at("2023-01-02"), time_at("2023-01-01"),
                      {TimeStep::Unit::microseconds, one_day, false}) == -1);
  CHECK_THROWS_AS(advance(time_at("9999-12"), month, 1), IndexError);
  CHECK_THROWS_AS(advance(0, {TimeStep::Unit::microseconds, one_day, false}, std::int64_t{1} << 60),
                  IndexError);
  CHECK(tests::message_of<IndexError>([&] {
          advance(time_at("9999-12-31"), {TimeStep::Unit::microseconds, one_day, false}, 1);
        }) == "advance: 1 steps of 1 day lead beyond the years 1 to 9999, or numbers of 62 bits");
}
