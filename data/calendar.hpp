#pragma once
/// \file Dates and times as numbers, and the step of a calendar: seconds, days, months, years.
///
/// A time is a number of microseconds since 1970-01-01 00:00 of the proleptic Gregorian calendar, negative before; years
/// go from 1 to 9999. In a column of TimeForm::number it is that number itself. There are no time zones: a time that
/// states its offset from UTC is turned into UTC.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace unroll {

/// How a time is written: `1949`, `1949-Q1`, `1949-01`, `1949-01-31`, `1949-01-31 12:00[:00[.5]][Z|+01:00]` (also with a T
/// in place of the space), or a whole number.
enum class TimeForm { year, quarter, month, day, time, number };

/// `year`, …, `time`, `number`, as messages call them.
std::string_view name_of(TimeForm form);

/// A time as it was read, or why there is none: `problem` is empty if the time is sound.
struct TimeReading {
  std::int64_t time = 0;           ///< microseconds since 1970, or the number
  TimeForm form = TimeForm::year;  ///< how it was written
  bool zoned = false;              ///< an offset from UTC was stated
  std::string problem = {};        ///< in words, such as `there is no 30 February`
};

/// A date or time of any form. Four digits are a year, any other whole number is one of TimeForm::number.
TimeReading read_time(std::string_view text);
/// The same, of a known form: with TimeForm::number, four digits are a number too.
TimeReading read_time(std::string_view text, TimeForm form);

/// A time as read_time reads it; seconds and their fractions only where they are not 0.
std::string format_time(std::int64_t time, TimeForm form);

/// A time by its parts.
struct CalendarFields {
  std::int64_t year = 1970;      ///< 1 to 9999
  int month = 1, day = 1;        ///< from 1
  int weekday = 1;               ///< 1 is Monday, 7 Sunday
  int day_of_year = 1;           ///< from 1 to 365 or 366
  int hour = 0, minute = 0;      ///< from 0
  int second = 0;                ///< from 0
  std::int64_t microsecond = 0;  ///< from 0 to 999,999
};
/// The parts of a time that is not of TimeForm::number.
CalendarFields calendar_fields(std::int64_t time);

/// The distance between neighbouring rows of a regular series. Months of different lengths are one step.
struct TimeStep {
  /// What is counted.
  enum class Unit { microseconds, months, numbers };
  Unit unit = Unit::numbers;  ///< of `count`
  std::int64_t count = 1;     ///< at least 1; 12 months are a year
  bool month_ends = false;    ///< each time is in the last day of its month
  bool operator==(const TimeStep&) const = default;
};

/// `1 month`, `1 quarter`, `2 years`, `1 day`, `15 minutes`, `0.02 seconds`, `1`.
std::string name_of(const TimeStep& step);

/// The time `count` steps after `origin`, or before it.
/// Errors: IndexError if it is beyond the years 1 to 9999 (or, of numbers, beyond ±2⁶²).
std::int64_t advance(std::int64_t origin, const TimeStep& step, std::int64_t count);

/// How many steps lie between `origin` and `time`; nothing if it is no whole number.
std::optional<std::int64_t> steps_between(std::int64_t origin, std::int64_t time, const TimeStep& step);

/// The step of a series: the smallest distance of neighbours; in months if all times are the same day and hour of their
/// months or all lie in the last day of theirs. Nothing for fewer than two times.
/// Inputs: times that rise; of several series with a common step, each by itself.
std::optional<TimeStep> find_step(std::span<const std::span<const std::int64_t>> series, TimeForm form);
/// The same of one series.
std::optional<TimeStep> find_step(std::span<const std::int64_t> times, TimeForm form);

}  // namespace unroll
