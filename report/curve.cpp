#include "unroll/report/curve.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <tuple>

#include "unroll/autograd/error.hpp"

namespace unroll::report {

CurveThinner::CurveThinner(std::int64_t buckets)
    : most_(static_cast<std::size_t>(std::max<std::int64_t>(buckets, 0))) {
  if (buckets < 2) raise<UsageError>("curve thinner: need at least 2 buckets; got {}", buckets);
}

void CurveThinner::merge(Bucket& into, const Bucket& other) {
  if (other.finite > 0 && (into.finite == 0 || other.low < into.low))
    into.low = other.low, into.low_step = other.low_step;
  if (other.finite > 0 && (into.finite == 0 || other.high > into.high))
    into.high = other.high, into.high_step = other.high_step;
  if (into.bad_step < 0) into.bad_step = other.bad_step;
  into.sum += other.sum, into.step_sum += other.step_sum;
  into.count += other.count, into.finite += other.finite;
}

void CurveThinner::halve() {
  for (std::size_t k = 0; k < buckets_.size(); k += 2) {
    if (k + 1 < buckets_.size()) merge(buckets_[k], buckets_[k + 1]);
    buckets_[k / 2] = buckets_[k];
  }
  buckets_.resize((buckets_.size() + 1) / 2);
  width_ *= 2;
}

void CurveThinner::add(std::int64_t step, double value) {
  const bool finite = std::isfinite(value);
  if (!finite && not_finite_++ == 0) first_not_finite_ = step;
  if (count_++ == 0) first_step_ = step, first_ = value;
  last_step_ = step, last_ = value;
  Bucket point{.low_step = step, .high_step = step, .count = 1};
  if (finite) {
    point.low = point.high = point.sum = value;
    point.step_sum = static_cast<double>(step);
    point.finite = 1;
  } else {
    point.bad_step = step;
  }
  if (!buckets_.empty() && buckets_.back().count < width_) return merge(buckets_.back(), point);
  if (buckets_.size() == most_) halve();
  if (!buckets_.empty() && buckets_.back().count < width_) return merge(buckets_.back(), point);
  buckets_.push_back(point);
}

Curve CurveThinner::curve() const {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  std::vector<std::pair<std::int64_t, double>> points;
  Curve curve{.count = count_, .not_finite = not_finite_, .first_not_finite = first_not_finite_};
  if (count_ > 0) points.emplace_back(first_step_, first_);
  for (const Bucket& b : buckets_) {
    if (b.finite > 0) points.emplace_back(b.low_step, b.low), points.emplace_back(b.high_step, b.high);
    if (b.bad_step >= 0) points.emplace_back(b.bad_step, nan);
    if (width_ == 1 || b.finite == 0) continue;
    curve.mean_steps.push_back(std::llround(b.step_sum / static_cast<double>(b.finite)));
    curve.means.push_back(b.sum / static_cast<double>(b.finite));
  }
  if (count_ > 0) points.emplace_back(last_step_, last_);
  std::ranges::stable_sort(points, {}, [](const auto& point) { return point.first; });
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && (a.second == b.second || (std::isnan(a.second) && std::isnan(b.second)));
  };
  points.erase(std::ranges::unique(points, same).begin(), points.end());
  for (const auto& [step, value] : points)
    curve.steps.push_back(step), curve.values.push_back(std::isfinite(value) ? value : nan);
  return curve;
}

}  // namespace unroll::report
