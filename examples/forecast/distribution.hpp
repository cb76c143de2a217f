#pragma once
/// \file What a network says about one number to come.

#include <span>
#include <vector>

namespace unroll::forecast {

/// The p-quantile of the standard normal distribution.
/// Range: p in (0, 1).
double normal_quantile(double p);

/// A mixture of normal distributions, or a list of quantiles.
class Distribution {
 public:
  struct Normal {
    double weight, mean, deviation;
  };
  /// A mixture; the weights add up to 1.
  explicit Distribution(std::vector<Normal> parts) : parts_(std::move(parts)) {}
  /// The quantiles `values` at `levels`, both rising. Between two levels the value is a linear function of the normal
  /// quantile of the level.
  Distribution(std::vector<double> levels, std::vector<double> values)
      : levels_(std::move(levels)), values_(std::move(values)) {}

  /// The mean of a mixture, or the median.
  double centre() const;
  /// The value below which the number lies with probability p.
  /// Range:  p in (0, 1), for quantiles between the first level and the last: beyond them it is that of the last.
  double quantile(double p) const;

 private:
  double probability_below(double x) const;  // of a mixture

  std::vector<Normal> parts_;
  std::vector<double> levels_, values_;
};

}  // namespace unroll::forecast
