#include "forecast/linear_part.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "forecast/least_squares.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::forecast {
namespace {

constexpr std::int64_t batch_size = 256;

/// Calls f(batch, window, step) for all targets that count, of the origins numbered `which`.
template <class F>
void for_each_target(const Origins& origins, std::span<const std::int64_t> which, F&& f) {
  for (std::size_t first = 0; first < which.size(); first += batch_size) {
    const WindowBatch batch =
        origins.batch(which.subspan(first, std::min<std::size_t>(batch_size, which.size() - first)));
    for (std::int64_t h = 0; h < batch.horizon; ++h)
      for (std::int64_t b = 0; b < batch.batch; ++b)
        if (batch.weights[static_cast<std::size_t>(h * batch.batch + b)] > 0) f(batch, b, h);
  }
}

std::vector<std::int64_t> all_of(const Origins& origins) {
  std::vector<std::int64_t> all(static_cast<std::size_t>(origins.size()));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

double target_of(const WindowBatch& batch, std::int64_t b, std::int64_t h) {
  return double{batch.targets[static_cast<std::size_t>(h * batch.batch + b)]};
}

std::vector<LeastSquares> collect(const Origins& origins, const Reading& reading, std::int64_t horizon) {
  std::vector<LeastSquares> systems(static_cast<std::size_t>(horizon),
                                    LeastSquares(LinearPart::features(reading)));
  for_each_target(origins, all_of(origins), [&](const WindowBatch& batch, std::int64_t b, std::int64_t h) {
    systems[static_cast<std::size_t>(h)].add(linear_features(batch, b, h, reading), target_of(batch, b, h));
  });
  return systems;
}

/// The mean over all steps ahead of the squared errors on the origins.
double error_of(const LinearPart& part, const Origins& origins, const Reading& reading) {
  double sum = 0, count = 0;
  for (std::size_t first = 0; first < static_cast<std::size_t>(origins.size()); first += batch_size) {
    std::vector<std::int64_t> which(
        std::min<std::size_t>(batch_size, static_cast<std::size_t>(origins.size()) - first));
    std::iota(which.begin(), which.end(), static_cast<std::int64_t>(first));
    const WindowBatch batch = origins.batch(which);
    const auto forecasts = part(batch, reading);
    for (std::size_t i = 0; i < forecasts.size(); ++i) {
      const double error = double{batch.weights[i]} * (double{batch.targets[i]} - forecasts[i]);
      sum += error * error, count += double{batch.weights[i]};
    }
  }
  return count > 0 ? sum / count : HUGE_VAL;
}

}  // namespace

std::vector<double> linear_features(const WindowBatch& batch, std::int64_t b, std::int64_t h,
                                    const Reading& r) {
  std::vector<double> x{1};
  x.reserve(static_cast<std::size_t>(LinearPart::features(r)));
  const std::int64_t length = batch.lengths[static_cast<std::size_t>(b)], width = r.past_features;
  const auto past = [&](std::int64_t row, std::int64_t feature) {
    return double{batch.past[static_cast<std::size_t>((row * batch.batch + b) * width + feature)]};
  };
  for (std::int64_t k = 1; k <= r.order; ++k) x.push_back(k <= length ? past(length - k, 0) : 0);
  for (std::int64_t k = 1; k <= std::ssize(r.roles.past); ++k) x.push_back(past(length - 1, k));
  for (std::int64_t k = 0; k < r.known_features; ++k)
    x.push_back(double{batch.known[static_cast<std::size_t>((h * batch.batch + b) * r.known_features + k)]});
  for (std::int64_t k = 0; k < r.fixed_features; ++k)
    x.push_back(double{batch.fixed[static_cast<std::size_t>(b * r.fixed_features + k)]});
  return x;
}

std::int64_t LinearPart::features(const Reading& r) {
  return 1 + r.order + std::ssize(r.roles.past) + r.known_features + r.fixed_features;
}

LinearPart::LinearPart(std::int64_t horizon, std::int64_t features)
    : weight_({horizon, features}, 0.F), deviation_({horizon}, 1.F) {}

LinearPart LinearPart::constant(std::int64_t horizon, const Reading& reading) {
  return {horizon, LinearPart::features(reading)};
}

LinearPart LinearPart::last_value(std::int64_t horizon, const Reading& reading) {
  LinearPart part(horizon, LinearPart::features(reading));
  for (std::int64_t h = 0; h < horizon; ++h)
    part.weight_.mutable_data()[h * LinearPart::features(reading) + 1] = 1;
  return part;
}

LinearPart LinearPart::autoregression(const Origins& origins, const Reading& reading, std::int64_t horizon) {
  LinearPart part(horizon, LinearPart::features(reading));
  const auto systems = collect(origins, reading, horizon);
  float* to = part.weight_.mutable_data();
  for (std::size_t h = 0; h < systems.size(); ++h) {
    if (systems[h].rows() <= LinearPart::features(reading))
      raise<DataError>(
          "--linear ar, --order {}: need more than {} values to learn from {} ahead; there are {}",
          reading.order, LinearPart::features(reading), counted(static_cast<std::int64_t>(h) + 1, "step"),
          systems[h].rows());
    const auto w = systems[h].solve();
    to = std::ranges::transform(w, to, [](double x) { return static_cast<float>(x); }).out;
  }
  return part;
}

void LinearPart::fit_deviation(const Origins& origins, const Reading& reading) {
  const auto horizon = static_cast<std::size_t>(weight_.shape()[0]);
  std::vector<double> sum(horizon), count(horizon);
  const index_t features = weight_.shape()[1];
  for_each_target(origins, all_of(origins), [&](const WindowBatch& batch, std::int64_t b, std::int64_t h) {
    const auto x = linear_features(batch, b, h, reading);
    const double error =
        target_of(batch, b, h) - std::inner_product(x.begin(), x.end(), weight_.data() + h * features, 0.);
    sum[static_cast<std::size_t>(h)] += error * error, ++count[static_cast<std::size_t>(h)];
  });
  for (std::size_t h = 0; h < horizon; ++h) {
    const double deviation = count[h] > 0 ? std::sqrt(sum[h] / count[h]) : 1;
    // Where the past says everything, as of a straight line, there must still be a unit to count errors in.
    deviation_.mutable_data()[h] = static_cast<float>(std::max(deviation, 1e-4));
  }
}

std::vector<double> LinearPart::operator()(const WindowBatch& batch, const Reading& reading) const {
  std::vector<double> all;
  all.reserve(batch.weights.size());
  for (std::int64_t h = 0; h < batch.horizon; ++h)
    for (std::int64_t b = 0; b < batch.batch; ++b) {
      const auto x = linear_features(batch, b, h, reading);
      all.push_back(std::inner_product(x.begin(), x.end(), weight_.data() + h * weight_.shape()[1], 0.));
    }
  return all;
}

std::vector<double> LinearPart::deviation() const {
  return {deviation_.data(), deviation_.data() + deviation_.size()};
}

std::int64_t best_order(const TimeSeriesSet& scaled, Reading reading, std::span<const RowRange> training,
                        std::span<const ColumnFilling> filling, const OriginOptions& options,
                        std::int64_t most) {
  constexpr std::int64_t enough = 20'000;
  std::vector<RowRange> early, late;
  std::int64_t rows = 0;
  for (const RowRange& range : training) {
    const std::int64_t cut = range.end - (range.end - range.begin) / 5;
    early.push_back({range.begin, cut}), late.push_back({cut, range.end});
    rows += range.end - range.begin;
  }
  std::int64_t best = 1;
  double least = HUGE_VAL;
  for (reading.order = 1; reading.order <= most; ++reading.order) {
    OriginOptions o = options;
    o.shortest = reading.order, o.window = std::max(o.window, reading.order);
    o.stride = std::max(o.stride, 1 + rows / enough);
    const Origins fit(scaled, reading.roles, early, o, filling);
    const auto systems = collect(fit, reading, o.horizon);
    const auto fewest = std::ranges::min(systems, {}, &LeastSquares::rows).rows();
    if (fewest <= LinearPart::features(reading)) break;
    const double error = error_of(LinearPart::autoregression(fit, reading, o.horizon),
                                  Origins(scaled, reading.roles, late, o, filling), reading);
    if (error < least) least = error, best = reading.order;
  }
  return best;
}

}  // namespace unroll::forecast
