#include "unroll/detail/report/svg_ticks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

#include "unroll/autograd/error.hpp"

namespace unroll::report::drawing {
namespace {

constexpr double largest = 1e300;        // so that differences are numbers, too
constexpr double least_of_log = 1e-300;  // and so are quotients with powers of ten

std::string superscript(int n) {
  static constexpr std::array digits{"⁰", "¹", "²", "³", "⁴", "⁵", "⁶", "⁷", "⁸", "⁹"};
  std::string text = n < 0 ? "⁻" : "";
  for (const char c : std::to_string(std::abs(n))) text += digits[static_cast<std::size_t>(c - '0')];
  return text;
}

/// 12345.6 as 12,345.6, with a minus as wide as a plus.
std::string grouped(const std::string& digits) {
  const bool negative = digits[0] == '-';
  const std::size_t point = std::min(digits.find('.'), digits.size());
  std::string text = negative ? "−" : "";
  for (std::size_t k = negative; k < digits.size(); ++k) {
    if (k > negative && k < point && (point - k) % 3 == 0) text += ',';
    text += digits[k];
  }
  return text;
}

/// 3·10⁻⁷. The digits are fmt's: a quotient by 10ⁿ would overflow for the smallest numbers.
std::string power(double value) {
  const std::string text = fmt::format("{:.2e}", value);  // -1.50e+08
  const std::size_t e = text.find('e');
  std::string factor = text.substr(0, e);
  factor.erase(factor.find_last_not_of("0") + 1);
  if (factor.back() == '.') factor.pop_back();
  return (factor == "1" ? "" : grouped(factor) + "·") + "10" + superscript(std::stoi(text.substr(e + 1)));
}

/// With as many places as a distance of `step` needs.
std::string spaced_number(double value, double step, double widest) {
  if (value == 0) return "0";
  if (widest >= 1e7 || step < 1e-5) return power(value);
  const int places = std::max(0, static_cast<int>(std::ceil(-std::log10(step) - 1e-9)));
  return grouped(fmt::format("{:.{}f}", value, places));
}

/// The smallest of 1, 2 and 5 times a power of ten that is at least `least`.
double round_step(double least) {
  const double ten = std::pow(10, std::floor(std::log10(least)));
  for (const double factor : {1.0, 2.0, 5.0})
    if (factor * ten >= least * (1 - 1e-9)) return factor * ten;
  return 10 * ten;
}

std::vector<Tick> linear_ticks(const Span& span, double count) {
  const double step = round_step((span.high - span.low) / count);
  const double first = std::ceil(span.low / step - 1e-9), last = std::floor(span.high / step + 1e-9);
  const double widest = std::max(std::abs(span.low), std::abs(span.high));
  std::vector<Tick> ticks;
  for (double k = first; k <= last && ticks.size() < 100; ++k)
    ticks.push_back({k * step, spaced_number(k * step, step, widest)});
  return ticks;
}

std::vector<Tick> log_ticks(const Span& span, double count) {
  const int low = static_cast<int>(std::ceil(std::log10(span.low) - 1e-9)),
            high = static_cast<int>(std::floor(std::log10(span.high) + 1e-9));
  const int step = std::max(1, static_cast<int>(std::ceil((high - low) / count)));
  std::vector<Tick> ticks;
  for (int k = low - 1; k <= high; ++k) {
    const double ten = std::pow(10, k);
    for (const double factor : {1.0, 2.0, 5.0}) {
      const bool shown = factor == 1 ? k % step == 0 : 3 * (high - low) <= count;
      if (shown && factor * ten >= span.low * (1 - 1e-9) && factor * ten <= span.high * (1 + 1e-9))
        ticks.push_back({factor * ten, short_number(factor * ten)});
    }
  }
  return ticks.size() < 2 ? linear_ticks(span, count) : ticks;
}

// ---- Time ----

using Seconds = std::chrono::sys_seconds;
constexpr double day = 86400, mean_year = 365.2425 * day;

std::string in_words(Seconds time, double step) {
  const auto date = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day ymd(date);
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const int y = static_cast<int>(ymd.year());
  const char* const month = months[static_cast<unsigned>(ymd.month()) - 1];
  if (step >= 0.99 * mean_year) return std::to_string(y);
  if (step >= 28 * day) return fmt::format("{} {}", month, y);
  if (step >= day || time == date) return fmt::format("{} {} {}", static_cast<unsigned>(ymd.day()), month, y);
  const std::chrono::hh_mm_ss clock(time - date);
  if (step >= 60) return fmt::format("{:02}:{:02}", clock.hours().count(), clock.minutes().count());
  return fmt::format("{:02}:{:02}:{:02}", clock.hours().count(), clock.minutes().count(),
                     clock.seconds().count());
}

/// The first of each `months`-th month; years are twelve of them.
std::vector<Tick> calendar_ticks(const Span& span, int months) {
  using namespace std::chrono;
  const year_month_day begin(floor<days>(Seconds(seconds(static_cast<std::int64_t>(span.low)))));
  // Counted from the year 0, so that ten years are round ones.
  const int first =
      static_cast<int>(begin.year()) * 12 + static_cast<int>(static_cast<unsigned>(begin.month())) - 1;
  std::vector<Tick> ticks;
  for (int k = static_cast<int>(std::floor(static_cast<double>(first) / months)) * months; ticks.size() < 100;
       k += months) {
    const int y = static_cast<int>(std::floor(k / 12.0));
    const sys_days date = std::chrono::year(y) / static_cast<int>(k - 12 * y + 1) / 1;
    const double at = static_cast<double>(Seconds(date).time_since_epoch().count());
    if (at > span.high) break;
    if (at >= span.low) ticks.push_back({at, in_words(date, months * mean_year / 12)});
  }
  return ticks;
}

std::vector<Tick> time_ticks(const Span& span, double count) {
  constexpr double furthest = 30000 * mean_year;  // std::chrono's years end at 32767
  if (span.low < -furthest || span.high > furthest) return linear_ticks(span, count);
  const double least = (span.high - span.low) / count;
  if (least < 1) return linear_ticks(span, count);
  for (const double step : {1., 5., 15., 30., 60., 300., 900., 1800., 3600., 3 * 3600., 6 * 3600., 12 * 3600.,
                            day, 2 * day, 7 * day, 14 * day})
    if (step >= least) {
      std::vector<Tick> ticks;
      for (double at = std::ceil(span.low / step) * step; at <= span.high; at += step)
        ticks.push_back({at, in_words(Seconds(std::chrono::seconds(static_cast<std::int64_t>(at))), step)});
      return ticks;
    }
  for (const int months : {1, 3, 6})
    if (months * mean_year / 12 >= least) return calendar_ticks(span, months);
  return calendar_ticks(span, 12 * static_cast<int>(std::max(1.0, round_step(least / mean_year))));
}

}  // namespace

std::string short_number(double value) {
  const double size = std::abs(value);
  if (size != 0 && (size >= 1e6 || size < 1e-3)) return power(value);
  return grouped(fmt::format("{:.{}g}", value, size >= 1000 ? 6 : 3));
}

bool Span::holds(double value) const {
  return std::abs(value) <= largest && (scale != Scale::log || value >= least_of_log);
}

double Span::place(double value) const {
  const auto ratio =
      [&](double x) {  // a difference of logarithms would lose what nearly equal values differ by
        return high / low <= largest ? std::log(x / low) : std::log(x) - std::log(low);
      };
  const double share = scale == Scale::log ? ratio(value) / ratio(high) : (value - low) / (high - low);
  return begin + share * (end - begin);
}

void Extent::add(double value) {
  if (!Span{.scale = scale_}.holds(value)) return;
  low_ = std::min(low_, value);
  high_ = std::max(high_, value);
}

Span Extent::span(const Axis& axis, const char* side, double margin) const {
  const bool log = scale_ == Scale::log;
  double low = empty() ? (log ? 0.1 : 0) : low_, high = empty() ? 1 : high_;
  if (log) {
    // Where values hardly differ, ticks would: they are a level line.
    const double powers = std::log(high) - std::log(low);
    const double factor = powers > 1e-9 ? std::exp(margin * powers) : 2;
    low = std::max(low / factor, least_of_log), high *= factor;
  } else {
    const double least = 1e-9 * std::max({std::abs(low), std::abs(high), 1e-290});
    const double more = high - low > least ? margin * (high - low) : std::max(0.5, 1e3 * least);
    low -= more, high += more;
  }
  low = std::max(low, -largest), high = std::min(high, largest);
  if (axis.low) low = *axis.low;
  if (axis.high) high = *axis.high;
  if (!(low < high) && !(axis.low && axis.high))
    (axis.low ? high : low) = axis.low ? (log ? 2 * low : low + 1) : (log ? high / 2 : high - 1);
  const Span span{.scale = scale_, .low = low, .high = high};
  if (!span.holds(low) || !span.holds(high) || !(low < high))
    raise<UsageError>("svg: the {}-axis cannot reach from {} to {}{}", side, low, high,
                      log ? " by factors" : "");
  return span;
}

std::vector<Tick> ticks_of(const Span& span, double pixels) {
  const double count = std::max(1.0, std::abs(span.end - span.begin) / pixels);
  if (span.scale == Scale::log) return log_ticks(span, count);
  return span.scale == Scale::time ? time_ticks(span, count) : linear_ticks(span, count);
}

}  // namespace unroll::report::drawing
