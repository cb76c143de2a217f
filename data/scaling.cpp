#include "unroll/data/scaling.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "unroll/data/utf8.hpp"

namespace unroll {
namespace {

constexpr std::array<std::string_view, 5> scaling_names{"none", "standard", "min-max", "log", "log1p"};

bool is_log(ScalingKind kind) { return kind == ScalingKind::log || kind == ScalingKind::log1p; }

/// f(x); NaN or −∞ where there is no logarithm.
double before_scaling(ScalingKind kind, double x) {
  if (kind == ScalingKind::log) return std::log(x);
  if (kind == ScalingKind::log1p) return std::log1p(x);
  return x;
}

void check_ranges(const TimeSeriesSet& set, std::span<const RowRange> ranges, std::string_view name) {
  if (std::ssize(ranges) != std::ssize(set.series))
    raise<UsageError>("{}: need a range for each of {} series; got {}", name, set.series.size(),
                      ranges.size());
  for (std::int64_t s = 0; s < std::ssize(ranges); ++s) {
    const auto [begin, end] = ranges[static_cast<std::size_t>(s)];
    if (begin < 0 || end < begin || end > set.rows(s))
      raise<UsageError>("{}: series {} has rows 0 to {}; got the range {} to {}", name, s, set.rows(s), begin,
                        end);
  }
}

/// Calls visit(value, series, row) for each value of a column in the ranges that is not missing.
template <class Visit>
void for_each_value(const TimeSeriesSet& set, std::span<const RowRange> ranges, std::int64_t column,
                    Visit visit) {
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const auto& values = set.series[static_cast<std::size_t>(s)].values;
    const RowRange range = ranges[static_cast<std::size_t>(s)];
    for (std::int64_t row = range.begin; row < range.end; ++row) {
      const double x =
          values[static_cast<std::size_t>(row) * set.columns.size() + static_cast<std::size_t>(column)];
      if (!std::isnan(x)) visit(x, s, row);
    }
  }
}

[[noreturn]] void refuse_value(const TimeSeriesSet& set, std::int64_t series, std::int64_t row,
                               std::int64_t column, double x, std::string_view what) {
  raise<DataError>("{}: column '{}': {} {}", set.place(series, row),
                   printable(set.columns[static_cast<std::size_t>(column)]), x, what);
}

/// Mean, deviation and extremes of a column, in one pass.
/// Source: Welford (1962).
struct ColumnMoments {
  double count = 0, mean = 0, squares = 0;
  double least = std::numeric_limits<double>::infinity(), most = -std::numeric_limits<double>::infinity();
  void add(double x) {
    const double d = x - mean;
    mean += d / ++count;
    squares += d * (x - mean);
    least = std::min(least, x);
    most = std::max(most, x);
  }
  double deviation() const { return std::sqrt(squares / count); }
};

ColumnMoments moments_of(const TimeSeriesSet& set, std::span<const RowRange> ranges, std::int64_t column,
                         ScalingKind kind, std::string_view name) {
  ColumnMoments m;
  for_each_value(set, ranges, column, [&](double x, std::int64_t s, std::int64_t row) {
    const double y = before_scaling(kind, x);
    if (!std::isfinite(y))
      refuse_value(set, s, row, column, x, fmt::format("has no finite {}", name_of(kind)));
    m.add(y);
  });
  if (m.count == 0)
    raise<DataError>("{}: column '{}' has no value in the training part; {} needs one", set.file,
                     printable(set.columns[static_cast<std::size_t>(column)]), name);
  return m;
}

/// A scale that divides: not 0 of what does not change.
double scale_or_one(double scale, double shift) {
  const double rounding =
      1e-12 * std::abs(shift);  // a constant's mean is off by a few units in the last place
  return scale > rounding && std::isfinite(scale) ? scale : 1;
}

ColumnScaling scaling_of(ScalingKind kind, const ColumnMoments& m) {
  if (kind == ScalingKind::none) return {};
  if (kind == ScalingKind::min_max) return {kind, m.least, scale_or_one(m.most - m.least, m.least)};
  return {kind, m.mean, scale_or_one(m.deviation(), m.mean)};
}

}  // namespace

std::string_view name_of(ScalingKind kind) { return scaling_names[static_cast<std::size_t>(kind)]; }

ScalingKind scaling_named(std::string_view name) {
  const auto found = std::find(scaling_names.begin(), scaling_names.end(), name);
  if (found != scaling_names.end()) return static_cast<ScalingKind>(found - scaling_names.begin());
  raise<DataError>("scaling: need one of {}; got '{}'", fmt::join(scaling_names, ", "), printable(name));
}

double ColumnScaling::apply(double x) const { return (before_scaling(kind, x) - shift) / scale; }

double ColumnScaling::invert(double z) const {
  const double y = z * scale + shift;
  if (kind == ScalingKind::log) return std::exp(y);
  if (kind == ScalingKind::log1p) return std::expm1(y);
  return y;
}

double ColumnScaling::slope(double x) const {
  if (kind == ScalingKind::log) return 1 / (x * scale);
  if (kind == ScalingKind::log1p) return 1 / ((1 + x) * scale);
  return 1 / scale;
}

std::vector<ColumnScaling> fit_scaling(const TimeSeriesSet& set, std::span<const RowRange> training,
                                       std::span<const ScalingKind> kinds) {
  check_ranges(set, training, "fit_scaling");
  if (kinds.size() != set.columns.size())
    raise<UsageError>("fit_scaling: need a kind for each of {} columns; got {}", set.columns.size(),
                      kinds.size());
  std::vector<ColumnScaling> scaling;
  for (std::size_t c = 0; c < kinds.size(); ++c) {
    if (kinds[c] == ScalingKind::none)
      scaling.emplace_back();
    else
      scaling.push_back(scaling_of(
          kinds[c], moments_of(set, training, static_cast<std::int64_t>(c), kinds[c], "fit_scaling")));
  }
  return scaling;
}

void apply_scaling(TimeSeriesSet& set, std::span<const ColumnScaling> scaling) {
  if (scaling.size() != set.columns.size())
    raise<UsageError>("apply_scaling: need a scaling for each of {} columns; got {}", set.columns.size(),
                      scaling.size());
  std::vector<std::vector<double>> scaled;  // so that an error changes nothing
  for (std::int64_t s = 0; s < std::ssize(set.series); ++s) {
    const auto& values = set.series[static_cast<std::size_t>(s)].values;
    std::vector<double>& to = scaled.emplace_back(values);
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (std::isnan(values[k])) continue;
      const std::size_t column = k % scaling.size();
      to[k] = scaling[column].apply(values[k]);
      if (std::isfinite(to[k])) continue;
      const ScalingKind kind = scaling[column].kind;
      refuse_value(
          set, s, static_cast<std::int64_t>(k / scaling.size()), static_cast<std::int64_t>(column), values[k],
          is_log(kind) ? fmt::format("has no finite {}", name_of(kind)) : "is too large to be scaled");
    }
  }
  for (std::size_t s = 0; s < scaled.size(); ++s) set.series[s].values = std::move(scaled[s]);
}

std::string_view name_of(FillRule rule) { return rule == FillRule::last ? "last" : "mean"; }

FillRule fill_rule_named(std::string_view name) {
  if (name == "last") return FillRule::last;
  if (name == "mean") return FillRule::mean;
  raise<DataError>("fill rule: need 'last' or 'mean'; got '{}'", printable(name));
}

std::vector<ColumnFilling> fit_filling(const TimeSeriesSet& set, std::span<const RowRange> training,
                                       FillRule rule, std::span<const std::int64_t> always) {
  check_ranges(set, training, "fit_filling");
  std::vector<ColumnFilling> filling;
  for (std::int64_t c = 0; c < std::ssize(set.columns); ++c)
    filling.push_back({rule, moments_of(set, training, c, ScalingKind::none, "fit_filling").mean, false});
  for (const TimeSeries& series : set.series)
    for (std::size_t k = 0; k < series.values.size(); ++k)
      if (std::isnan(series.values[k])) filling[k % filling.size()].indicator = true;
  for (const std::int64_t c : always) {
    if (c < 0 || c >= std::ssize(filling))
      raise<UsageError>("fit_filling: there are {} columns; got number {}", filling.size(), c);
    filling[static_cast<std::size_t>(c)].indicator = true;
  }
  return filling;
}

}  // namespace unroll
