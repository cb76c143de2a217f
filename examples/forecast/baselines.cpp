#include "forecast/baselines.hpp"

#include <algorithm>
#include <cmath>

#include "forecast/least_squares.hpp"

namespace unroll::forecast {

std::vector<double> filled(std::span<const double> values) {
  std::vector<double> all(values.begin(), values.end());
  const auto first = std::ranges::find_if(all, [](double x) { return !std::isnan(x); });
  double last = first == all.end() ? 0 : *first;
  for (double& x : all) x = std::isnan(x) ? last : last = x;
  return all;
}

std::int64_t Baseline::first() const { return lag_ + std::max<std::int64_t>(order() - 1, 0); }

double Baseline::operator()(std::span<const double> values, std::int64_t t) const {
  const auto at = [&](std::int64_t row) { return values[static_cast<std::size_t>(row)]; };
  if (weights_.empty()) return at(t - lag_);
  double y = weights_[0];
  for (std::int64_t k = 1; k <= order(); ++k)
    y += weights_[static_cast<std::size_t>(k)] * at(t - lag_ - k + 1);
  return y;
}

double Baseline::deviation(std::span<const double> values, std::span<const double> truth,
                           std::int64_t rows) const {
  double sum = 0, count = 0;
  for (std::int64_t t = first(); t < rows; ++t) {
    const double error = truth[static_cast<std::size_t>(t)] - (*this)(values, t);
    if (!std::isnan(error)) sum += error * error, ++count;
  }
  return count > 0 ? std::sqrt(sum / count) : std::nan("");
}

std::optional<Baseline> Baseline::fitted(std::span<const double> values, std::int64_t rows, std::int64_t step,
                                         std::int64_t order) {
  LeastSquares system(order + 1);
  std::vector<double> x(static_cast<std::size_t>(order + 1), 1);
  for (std::int64_t t = step + order - 1; t < rows; ++t) {
    for (std::int64_t k = 1; k <= order; ++k)
      x[static_cast<std::size_t>(k)] = values[static_cast<std::size_t>(t - step - k + 1)];
    system.add(x, values[static_cast<std::size_t>(t)]);
  }
  if (system.rows() <= order + 1) return {};
  return Baseline(step, system.solve());
}

std::optional<Baseline> Baseline::autoregression(std::span<const double> values, std::int64_t rows,
                                                 std::int64_t step, std::int64_t order, std::int64_t most) {
  if (order > 0) return fitted(values, rows, step, order);
  const std::int64_t cut = rows - rows / 5;
  double least = HUGE_VAL;
  for (std::int64_t p = 1; p <= most; ++p) {
    const auto candidate = fitted(values, cut, step, p);
    if (!candidate) break;
    double sum = 0;
    for (std::int64_t t = std::max(cut, candidate->first()); t < rows; ++t) {
      const double error = values[static_cast<std::size_t>(t)] - (*candidate)(values, t);
      sum += error * error;
    }
    if (sum < least) least = sum, order = p;
  }
  if (order == 0) return {};
  return fitted(values, rows, step, order);
}

}  // namespace unroll::forecast
