#pragma once
/// \file Columns brought to one size before a network sees them, and back; and what stands for a missing input. Both are
/// fitted on the training part; unroll/train/saved_columns.hpp saves them with a model.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/data/time_series.hpp"

namespace unroll {

/// Rows [begin, end) of a series.
struct RowRange {
  std::int64_t begin = 0, end = 0;  ///< the first row, and one past the last
  bool operator==(const RowRange&) const = default;
};

/// How a column is scaled. log and log1p take the logarithm of x or of 1 + x, and standardise that.
enum class ScalingKind { none, standard, min_max, log, log1p };
/// `none`, `standard`, `min-max`, `log`, `log1p`.
std::string_view name_of(ScalingKind kind);
/// Errors: DataError listing the names for any other.
ScalingKind scaling_named(std::string_view name);

/// What:   z = (f(x) − shift) / scale, f the identity or a logarithm. NaN stays NaN.
struct ColumnScaling {
  ScalingKind kind = ScalingKind::none;  ///< which f
  double shift = 0, scale = 1;  ///< mean and standard deviation; or the minimum, and maximum − minimum
  /// A scaled value.
  double apply(double x) const;
  /// The value of which z is the scaled one.
  double invert(double z) const;
  /// The density of x is that of z times this: |dz/dx|, for a likelihood in the data's own units.
  double slope(double x) const;
};

/// Fits each column on the rows that train, of all series together: kinds[c] for column c. min_max maps their minimum to 0
/// and their maximum to 1; a column that does not change is shifted only.
/// Errors: DataError that names the column if it has no value in the training part, or the place if log or log1p meets a
///         value there that has none; UsageError if there are not as many kinds as columns or ranges as series, or a range is
///         outside its series.
std::vector<ColumnScaling> fit_scaling(const TimeSeriesSet& set, std::span<const RowRange> training,
                                       std::span<const ScalingKind> kinds);

/// The set with every column scaled; missing values stay missing.
/// Errors: DataError that names place and column for a value without a logarithm, or one that is not finite when scaled.
void apply_scaling(TimeSeriesSet& set, std::span<const ColumnScaling> scaling);

/// What stands for a missing input: the last value before it in its series, if there is one, else (or always) the mean of
/// the training part.
enum class FillRule { last, mean };
/// `last` or `mean`.
std::string_view name_of(FillRule rule);
/// Errors: DataError for any other name.
FillRule fill_rule_named(std::string_view name);

/// How the missing values of a column are filled where it is an input.
struct ColumnFilling {
  FillRule rule = FillRule::last;  ///< what stands for a missing value
  double mean = 0;                 ///< of the training part, of scaled values
  bool indicator = false;          ///< another input tells where values are missing: 1, and 0 elsewhere
};

/// Fits each column on the rows that train. Those with missing values anywhere in the set get an indicator, and those in
/// `always` (of columns that a forecast may lack later).
/// Inputs: the set as the network sees it: scaled.
/// Errors: as fit_scaling.
std::vector<ColumnFilling> fit_filling(const TimeSeriesSet& set, std::span<const RowRange> training,
                                       FillRule rule, std::span<const std::int64_t> always = {});

}  // namespace unroll
