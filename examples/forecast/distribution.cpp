#include "forecast/distribution.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace unroll::forecast {
namespace {

double normal_below(double z) { return std::erfc(-z / std::numbers::sqrt2) / 2; }

/// The x in [low, high] at which a rising function passes `target`.
template <class Rising>
double crossing(Rising&& f, double target, double low, double high) {
  for (int i = 0; i < 100 && low < high; ++i) {
    const double middle = low + (high - low) / 2;
    (f(middle) < target ? low : high) = middle;
  }
  return low + (high - low) / 2;
}

}  // namespace

double normal_quantile(double p) { return crossing(normal_below, p, -40, 40); }

double Distribution::probability_below(double x) const {
  double p = 0;
  for (const Normal& part : parts_) p += part.weight * normal_below((x - part.mean) / part.deviation);
  return p;
}

double Distribution::centre() const {
  if (parts_.empty()) return quantile(0.5);
  double mean = 0;
  for (const Normal& part : parts_) mean += part.weight * part.mean;
  return mean;
}

double Distribution::quantile(double p) const {
  const double z = normal_quantile(p);
  if (!parts_.empty()) {
    double low = HUGE_VAL, high = -HUGE_VAL;
    for (const Normal& part : parts_) {
      low = std::min(low, part.mean + z * part.deviation);
      high = std::max(high, part.mean + z * part.deviation);
    }
    return crossing([this](double x) { return probability_below(x); }, p, low, high);
  }
  const auto next = static_cast<std::size_t>(std::ranges::lower_bound(levels_, p) - levels_.begin());
  if (next == 0) return values_.front();
  if (next == levels_.size()) return values_.back();
  const double before = normal_quantile(levels_[next - 1]), after = normal_quantile(levels_[next]);
  return std::lerp(values_[next - 1], values_[next], (z - before) / (after - before));
}

}  // namespace unroll::forecast
