#pragma once
/// \file The baselines that a network must beat: the last value, the value a season ago, and an autoregression.

#include <optional>
#include <span>
#include <vector>

#include "unroll/data/scaling.hpp"

namespace unroll::forecast {

/// A baseline for one series and one number of steps ahead, fitted on the first rows.
class Baseline {
 public:
  /// What:   y(t) is forecast as y(t − lag).
  /// Inputs: values without a gap where they are looked back at (see filled()).
  static Baseline naive(std::int64_t lag) { return Baseline(lag, {}); }
  /// What:   y(t) = w₀ + Σ_k w_k y(t − step − k + 1), k = 1 … order, w by least squares over the first `rows` rows; an order of 0
  ///         is the one in 1 … `most` that forecasts the last fifth of these rows best when fitted on the others, and is then
  ///         fitted on all.
  /// Nothing if there are too few rows, or none that tells one order from another.
  static std::optional<Baseline> autoregression(std::span<const double> values, std::int64_t rows,
                                                std::int64_t step, std::int64_t order,
                                                std::int64_t most = 30);

  /// The forecast of row t; it must be first() or a later one.
  double operator()(std::span<const double> values, std::int64_t t) const;
  /// The first row that has all that is looked back at.
  std::int64_t first() const;
  /// Of an autoregression, else 0.
  std::int64_t order() const { return std::ssize(weights_) - 1; }
  /// The root of the mean square of its errors in the first `rows` rows, in which `truth` has missing values.
  double deviation(std::span<const double> values, std::span<const double> truth, std::int64_t rows) const;

 private:
  Baseline(std::int64_t lag, std::vector<double> weights) : lag_(lag), weights_(std::move(weights)) {}
  static std::optional<Baseline> fitted(std::span<const double> values, std::int64_t rows, std::int64_t step,
                                        std::int64_t order);

  std::int64_t lag_;
  std::vector<double> weights_;  // w₀ … of an autoregression
};

/// The values with those that are missing replaced by the last one before; at the beginning by the first there is.
std::vector<double> filled(std::span<const double> values);

}  // namespace unroll::forecast
