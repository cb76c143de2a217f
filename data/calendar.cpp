#include "unroll/data/calendar.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <limits>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

constexpr std::int64_t us_per_second = 1'000'000, us_per_minute = 60 * us_per_second,
                       us_per_hour = 60 * us_per_minute, us_per_day = 24 * us_per_hour;
constexpr std::int64_t largest_number = std::int64_t{1} << 62;

constexpr std::array month_names{"January", "February", "March",     "April",   "May",      "June",
                                 "July",    "August",   "September", "October", "November", "December"};

/// ⌊a / b⌋, b > 0.
std::int64_t floor_of(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0); }

std::int64_t day_number(std::chrono::year_month_day date) {
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::chrono::year_month_day date_of(std::int64_t time) {
  return std::chrono::sys_days(std::chrono::days(floor_of(time, us_per_day)));
}

/// Months since the year 0.
std::int64_t month_number(std::chrono::year_month_day date) {
  return static_cast<int>(date.year()) * std::int64_t{12} + static_cast<unsigned>(date.month()) - 1;
}

bool is_month_end(std::int64_t time) { return static_cast<unsigned>(date_of(time + us_per_day).day()) == 1; }

/// Takes a time apart from its beginning.
class TimeScanner {
 public:
  explicit TimeScanner(std::string_view text) : rest_(text) {}

  bool done() const { return rest_.empty(); }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool skip_any(std::string_view characters) {
    if (rest_.empty() || characters.find(rest_[0]) == characters.npos) return false;
    rest_.remove_prefix(1);
    return true;
  }
  /// The number of `count` digits, or −1.
  int digits(std::size_t count) {
    if (rest_.size() < count) return -1;
    int value = 0;
    for (const char c : rest_.substr(0, count)) {
      if (c < '0' || c > '9') return -1;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }
  /// Microseconds of one to six digits after a point, or −1.
  int fraction() {
    int value = 0, scale = us_per_second;
    while (!rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9') {
      if (scale == 1) return -1;
      scale /= 10;
      value += digits(1) * scale;
    }
    return scale == us_per_second ? -1 : value;
  }

 private:
  std::string_view rest_;
};

TimeReading no_time(std::string problem) { return {.problem = std::move(problem)}; }
TimeReading not_a_time() { return no_time("it is no date such as 1949-01, 1949-01-31 or 1949-01-31 12:00"); }

TimeReading reading_of(int year, int month, int day, TimeForm form) {
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (year < 1) return no_time("years begin at 0001");
  if (month < 1 || month > 12) return no_time(fmt::format("there is no month {}", month));
  if (!date.ok())
    return no_time(
        fmt::format("there is no {} {} {}", day, month_names[static_cast<std::size_t>(month - 1)], year));
  return {.time = day_number(date) * us_per_day, .form = form};
}

/// What follows a day: `12:00`, `12:00:00`, `12:00:00.5`, and the offset from UTC.
TimeReading with_time_of_day(TimeReading reading, TimeScanner in) {
  const int hour = in.digits(2), minute = in.skip(':') ? in.digits(2) : -1;
  int second = 0, fraction = 0;
  if (in.skip(':')) {
    second = in.digits(2);
    if (in.skip('.')) fraction = in.fraction();
  }
  if (hour < 0 || minute < 0 || second < 0) return not_a_time();
  if (fraction < 0) return no_time("a fraction of a second has one to six digits");
  if (hour > 23 || minute > 59 || second > 59)
    return no_time("hours go from 00 to 23, minutes and seconds from 00 to 59");
  reading.form = TimeForm::time;
  reading.time += hour * us_per_hour + minute * us_per_minute + second * us_per_second + fraction;
  if (in.skip_any("Zz")) {
    reading.zoned = true;
  } else if (const bool east = in.skip('+'); east || in.skip('-')) {
    const int hours = in.digits(2);
    in.skip(':');
    const int minutes = in.done() ? 0 : in.digits(2);
    if (hours < 0 || minutes < 0 || hours > 23 || minutes > 59)
      return no_time("an offset from UTC is +hh:mm");
    reading.zoned = true;
    reading.time -= (east ? 1 : -1) * (hours * us_per_hour + minutes * us_per_minute);
  }
  return in.done() ? reading : not_a_time();
}

TimeReading read_number(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error == std::errc::invalid_argument || at != end) return not_a_time();
  if (error != std::errc() || value > largest_number || value < -largest_number)
    return no_time("it is too large");
  return {.time = value, .form = TimeForm::number};
}

TimeReading read_date(std::string_view text) {
  TimeScanner in(text);
  const int year = in.digits(4);
  if (year < 0) return read_number(text);
  if (in.done()) return reading_of(year, 1, 1, TimeForm::year);
  if (!in.skip('-')) return read_number(text);
  if (in.skip_any("Qq")) {
    const int quarter = in.digits(1);
    if (quarter < 0 || !in.done()) return not_a_time();
    if (quarter < 1 || quarter > 4) return no_time(fmt::format("there is no quarter {}", quarter));
    return reading_of(year, 3 * quarter - 2, 1, TimeForm::quarter);
  }
  const int month = in.digits(2);
  if (month < 0) return not_a_time();
  if (in.done()) return reading_of(year, month, 1, TimeForm::month);
  const int day = in.skip('-') ? in.digits(2) : -1;
  if (day < 0) return not_a_time();
  const TimeReading reading = reading_of(year, month, day, TimeForm::day);
  if (!reading.problem.empty() || in.done()) return reading;
  return in.skip_any(" Tt") ? with_time_of_day(reading, in) : not_a_time();
}

/// A count and a unit: `1 day`, `2 days`.
std::string counted(std::int64_t count, std::string_view unit) {
  return fmt::format("{} {}{}", count, unit, count == 1 ? "" : "s");
}

std::string month_step_name(std::int64_t months) {
  if (months % 12 == 0) return counted(months / 12, "year");
  if (months % 3 == 0) return counted(months / 3, "quarter");
  return counted(months, "month");
}

std::string microsecond_step_name(std::int64_t count) {
  if (count % us_per_day == 0) return counted(count / us_per_day, "day");
  if (count % us_per_hour == 0) return counted(count / us_per_hour, "hour");
  if (count % us_per_minute == 0) return counted(count / us_per_minute, "minute");
  if (count % us_per_second == 0) return counted(count / us_per_second, "second");
  return fmt::format("{} seconds", static_cast<double>(count) / us_per_second);
}

/// The time `months` after `origin`: the same day, or the month's last where the step says so or there is no such day.
std::int64_t add_months(std::int64_t origin, std::int64_t months, bool month_ends) {
  const auto date = date_of(origin);
  const std::int64_t number = month_number(date) + months;
  const std::chrono::year_month month{
      std::chrono::year(static_cast<int>(floor_of(number, 12))),
      std::chrono::month(static_cast<unsigned>(number - 12 * floor_of(number, 12) + 1))};
  const auto last = (month / std::chrono::last).day();
  const auto day = month_ends ? last : std::min(date.day(), last);
  return day_number(month / day) * us_per_day + (origin - floor_of(origin, us_per_day) * us_per_day);
}

using TimeSpans = std::span<const std::span<const std::int64_t>>;

/// Whether each series keeps to one time of the day and either to one day of the month, or to the last one.
bool keeps_to_months(TimeSpans series, bool month_ends) {
  return std::all_of(series.begin(), series.end(), [&](std::span<const std::int64_t> times) {
    return std::all_of(times.begin(), times.end(), [&](std::int64_t time) {
      const bool same_hour = (time - times[0]) % us_per_day == 0;
      return same_hour && (month_ends ? is_month_end(time) : date_of(time).day() == date_of(times[0]).day());
    });
  });
}

template <class Distance>
std::int64_t smallest_distance(TimeSpans series, Distance distance) {
  std::int64_t smallest = std::numeric_limits<std::int64_t>::max();
  for (const auto times : series)
    for (std::size_t k = 1; k < times.size(); ++k)
      smallest = std::min(smallest, distance(times[k - 1], times[k]));
  return smallest;
}

}  // namespace

std::string_view name_of(TimeForm form) {
  constexpr std::array<std::string_view, 6> names{"year", "quarter", "month", "day", "time", "number"};
  return names[static_cast<std::size_t>(form)];
}

TimeReading read_time(std::string_view text) { return read_date(text); }

TimeReading read_time(std::string_view text, TimeForm form) {
  return form == TimeForm::number ? read_number(text) : read_date(text);
}

std::string format_time(std::int64_t time, TimeForm form) {
  if (form == TimeForm::number) return std::to_string(time);
  const CalendarFields f = calendar_fields(time);
  switch (form) {
    case TimeForm::year:
      return fmt::format("{:04}", f.year);
    case TimeForm::quarter:
      return fmt::format("{:04}-Q{}", f.year, (f.month + 2) / 3);
    case TimeForm::month:
      return fmt::format("{:04}-{:02}", f.year, f.month);
    default:
      break;
  }
  std::string text = fmt::format("{:04}-{:02}-{:02}", f.year, f.month, f.day);
  if (form == TimeForm::day) return text;
  text += fmt::format(" {:02}:{:02}", f.hour, f.minute);
  if (f.second != 0 || f.microsecond != 0) text += fmt::format(":{:02}", f.second);
  if (f.microsecond != 0) {
    text += fmt::format(".{:06}", f.microsecond);
    text.erase(text.find_last_not_of('0') + 1);
  }
  return text;
}

CalendarFields calendar_fields(std::int64_t time) {
  const auto date = date_of(time);
  const std::int64_t days = floor_of(time, us_per_day), of_day = time - days * us_per_day;
  CalendarFields f;
  f.year = static_cast<int>(date.year());
  f.month = static_cast<int>(static_cast<unsigned>(date.month()));
  f.day = static_cast<int>(static_cast<unsigned>(date.day()));
  f.weekday = static_cast<int>(std::chrono::weekday(std::chrono::sys_days(date)).iso_encoding());
  f.day_of_year = static_cast<int>(days - day_number(date.year() / std::chrono::January / 1)) + 1;
  f.hour = static_cast<int>(of_day / us_per_hour);
  f.minute = static_cast<int>(of_day / us_per_minute % 60);
  f.second = static_cast<int>(of_day / us_per_second % 60);
  f.microsecond = of_day % us_per_second;
  return f;
}

std::string name_of(const TimeStep& step) {
  switch (step.unit) {
    case TimeStep::Unit::months:
      return month_step_name(step.count);
    case TimeStep::Unit::microseconds:
      return microsecond_step_name(step.count);
    default:
      return std::to_string(step.count);
  }
}

std::int64_t advance(std::int64_t origin, const TimeStep& step, std::int64_t count) {
  const auto refuse = [&] {
    raise<IndexError>("advance: {} steps of {} lead beyond the years 1 to 9999, or numbers of 62 bits", count,
                      name_of(step));
  };
  std::int64_t distance = 0;
  if (__builtin_mul_overflow(step.count, count, &distance)) refuse();
  if (step.unit == TimeStep::Unit::months) {
    const std::int64_t month = month_number(date_of(origin));
    if (distance > 120'000 || distance < -120'000 || month + distance < 12 || month + distance >= 120'000)
      refuse();
    return add_months(origin, distance, step.month_ends);
  }
  std::int64_t time = 0;
  if (__builtin_add_overflow(origin, distance, &time) || time > largest_number || time < -largest_number)
    refuse();
  if (step.unit == TimeStep::Unit::microseconds) {
    using namespace std::chrono;
    if (time < day_number(year(1) / 1 / 1) * us_per_day ||
        time >= day_number(year(10000) / 1 / 1) * us_per_day)
      refuse();
  }
  return time;
}

std::optional<std::int64_t> steps_between(std::int64_t origin, std::int64_t time, const TimeStep& step) {
  if (step.unit != TimeStep::Unit::months) {
    std::int64_t distance = 0;
    if (__builtin_sub_overflow(time, origin, &distance) || distance % step.count != 0) return {};
    return distance / step.count;
  }
  const std::int64_t months = month_number(date_of(time)) - month_number(date_of(origin));
  if (months % step.count != 0 || add_months(origin, months, step.month_ends) != time) return {};
  return months / step.count;
}

std::optional<TimeStep> find_step(TimeSpans series, TimeForm form) {
  if (std::all_of(series.begin(), series.end(), [](const auto& times) { return times.size() < 2; }))
    return {};
  const auto difference = [](std::int64_t a, std::int64_t b) { return b - a; };
  if (form == TimeForm::number) return TimeStep{.count = smallest_distance(series, difference)};
  const bool same_day = keeps_to_months(series, false),
             month_ends = !same_day && keeps_to_months(series, true);
  if (!same_day && !month_ends)
    return TimeStep{TimeStep::Unit::microseconds, smallest_distance(series, difference), false};
  const auto months = [](std::int64_t a, std::int64_t b) {
    return month_number(date_of(b)) - month_number(date_of(a));
  };
  return TimeStep{TimeStep::Unit::months, smallest_distance(series, months), month_ends};
}

std::optional<TimeStep> find_step(std::span<const std::int64_t> times, TimeForm form) {
  return find_step(std::span(&times, 1), form);
}

}  // namespace unroll
