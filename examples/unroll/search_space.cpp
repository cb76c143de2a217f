#include "search_space.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <set>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/random.hpp"

namespace unroll::tool {
namespace {

constexpr std::int64_t most_combinations = 100000;

template <class Number>
bool reads(const std::string& text, Number& number) {
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && at == end;
}

std::vector<std::string> split_at(const std::string& text, char mark) {
  std::vector<std::string> parts(1);
  for (const char c : text)
    if (c == mark)
      parts.emplace_back();
    else
      parts.back() += c;
  return parts;
}

[[noreturn]] void refuse(const std::string& text, std::string_view why) {
  raise<UsageError>("{}: {}; need NAME=A,B,C or NAME=LOW..HIGH or NAME=log:LOW..HIGH", text, why);
}

/// Reads what stands between `..`, and behind `/`.
void read_range(Dimension& d, std::string range) {
  if (range.starts_with("log:")) d.log = true, range.erase(0, 4);
  if (const auto slash = range.find('/'); slash != range.npos) {
    if (!reads(range.substr(slash + 1), d.points) || d.points < 1 || d.points > most_combinations)
      refuse(d.text, "the number of points is no number from 1");
    range.erase(slash);
  }
  const auto dots = range.find("..");
  const std::string low = range.substr(0, dots), high = range.substr(dots + 2);
  std::int64_t whole = 0;
  d.whole = reads(low, whole) && reads(high, whole);
  if (!reads(low, d.low) || !reads(high, d.high) || !std::isfinite(d.low) || !std::isfinite(d.high))
    refuse(d.text, "the ends of the range are no numbers");
  if (!(d.low < d.high)) refuse(d.text, "the range is empty");
  if (d.log && d.low <= 0) refuse(d.text, "a range of log begins above 0");
  if (d.whole && std::max(std::abs(d.low), std::abs(d.high)) > 1e15)
    refuse(d.text, "the numbers are too large");
}

/// The value at `part`, in [0, 1], of a range.
std::string value_at(const Dimension& d, double part) {
  const double x = d.log ? d.low * std::pow(d.high / d.low, part) : d.low + (d.high - d.low) * part;
  if (d.whole) return fmt::format("{}", std::llround(std::clamp(x, d.low, d.high)));
  return fmt::format("{:.4g}", x);
}

std::string drawn_value(const Dimension& d, Generator& rng) {
  if (!d.values.empty()) return d.values[rng.below(d.values.size())];
  if (d.whole && !d.log)  // both ends as likely as what is between
    return fmt::format(
        "{}", static_cast<std::int64_t>(d.low) +
                  static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(d.high - d.low) + 1)));
  return value_at(d, rng.uniform());
}

std::vector<std::string> grid_values(const Dimension& d) {
  if (!d.values.empty()) return d.values;
  std::int64_t points = d.points;
  if (points == 0) {
    if (!d.whole || d.log || d.high - d.low >= 1000)
      raise<UsageError>("{}: a range in a grid needs a number of points, as in {}/5", d.text, d.text);
    points = std::llround(d.high - d.low) + 1;
  }
  std::vector<std::string> values;
  for (std::int64_t k = 0; k < points; ++k) {
    const double part = points == 1 ? 0.5 : static_cast<double>(k) / static_cast<double>(points - 1);
    const std::string value = value_at(d, part);
    if (values.empty() || values.back() != value) values.push_back(value);
  }
  return values;
}

}  // namespace

Dimension parse_dimension(const std::string& text) {
  Dimension d{.text = text, .name = {}};
  const auto equals = text.find('=');
  if (equals == text.npos || equals == 0) refuse(text, "it has no name before a =");
  d.name = text.substr(0, equals);
  if (d.name.starts_with("--")) d.name.erase(0, 2);
  const std::string what = text.substr(equals + 1);
  if (what.find("..") != what.npos) {
    read_range(d, what);
    return d;
  }
  d.values = split_at(what, ',');
  for (const std::string& value : d.values)
    if (value.empty()) refuse(text, "a value is empty");
  if (std::set<std::string>(d.values.begin(), d.values.end()).size() < d.values.size())
    refuse(text, "a value is there twice");
  return d;
}

std::vector<Setting> drawn_settings(const std::vector<Dimension>& space, std::uint64_t seed,
                                    std::int64_t count) {
  std::vector<Setting> settings;
  std::set<Setting> seen;
  Generator rng(seed);
  // A list of few combinations comes to an end: what is drawn then has been there.
  for (std::int64_t misses = 0; std::ssize(settings) < count && misses < 1000;) {
    Setting setting;
    for (const Dimension& d : space) setting.emplace_back(d.name, drawn_value(d, rng));
    if (seen.insert(setting).second)
      settings.push_back(std::move(setting)), misses = 0;
    else
      ++misses;
  }
  return settings;
}

std::vector<Setting> grid_settings(const std::vector<Dimension>& space) {
  std::vector<Setting> settings(1);
  for (const Dimension& d : space) {
    const auto values = grid_values(d);
    if (std::ssize(settings) * std::ssize(values) > most_combinations)
      raise<UsageError>("the grid has more than {} combinations: leave out --grid to draw some of them",
                        most_combinations);
    std::vector<Setting> longer;
    for (const Setting& setting : settings)
      for (const std::string& value : values) {
        longer.push_back(setting);
        longer.back().emplace_back(d.name, value);
      }
    settings = std::move(longer);
  }
  return settings;
}

std::string setting_text(const Setting& setting) {
  std::string text;
  for (const auto& [name, value] : setting)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name, value);
  return text;
}

}  // namespace unroll::tool
