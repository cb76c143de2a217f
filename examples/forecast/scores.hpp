#pragma once
/// \file How good forecasts are, and whether they are better than others.

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace unroll::forecast {

/// Forecasts of the same rows by one method; NaN where it has none.
struct Scored {
  std::string name;
  std::vector<double> forecasts, low, high;  ///< and the interval
};

/// Rows to be forecast, in order, series by series.
struct Rows {
  std::vector<double> truth;  ///< none missing
  std::vector<double>
      scale;  ///< of each row's series: the mean |y(t) − y(t − m)| in training; NaN or 0: unknown
};

/// Errors of one method on the rows for which it has a forecast.
struct Figures {
  std::int64_t count = 0;
  double rmse = 0, mae = 0;
  double mase = 0;     ///< the mean of |error| / scale; NaN if no row has a scale
  double covered = 0;  ///< the share of rows within the interval; NaN without one
};
Figures figures_of(const Rows& rows, const Scored& method);

/// A mean with the standard error that it has although neighbours resemble each other.
struct RobustMean {
  double mean = 0, error = 0;
};
/// What:   the mean of d, and the root of (γ₀ + 2 Σ_k (1 − k/(L + 1)) γ_k) / n with the autocovariances γ up to lag L.
/// Source: Newey and West 1987, with Bartlett's weights.
RobustMean robust_mean(std::span<const double> d, std::int64_t lags);

/// What:   the mean of a's squared errors less b's, over the rows for which both have a forecast. A forecast of `step` steps
///         ahead shares its noise with the next step − 1: the lags are as many, and at least n^⅓.
/// Source: Diebold and Mariano 1995.
RobustMean difference_of_squares(const Rows& rows, const Scored& a, const Scored& b, std::int64_t step);

/// A table of all methods, the first of which is compared with the others, and what it comes to in words.
std::string describe(const Rows& rows, std::span<const Scored> methods, std::int64_t step, double level);

}  // namespace unroll::forecast
