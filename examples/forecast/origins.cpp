#include "forecast/origins.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/error.hpp"

namespace unroll::forecast {
namespace {

bool lies_in(const RowRange& range, std::int64_t row) { return row >= range.begin && row < range.end; }

}  // namespace

std::vector<WindowPlace> origins_of(const TimeSeriesSet& set, std::int64_t target,
                                    std::span<const RowRange> targets, const OriginOptions& o) {
  std::vector<WindowPlace> places;
  for (std::int64_t s = 0; s < std::ssize(targets); ++s) {
    const RowRange range = targets[static_cast<std::size_t>(s)];
    std::int64_t next = std::numeric_limits<std::int64_t>::min();  // where a target is, or beyond the end
    for (std::int64_t origin = range.end - 1; origin >= std::max(o.shortest, range.begin - o.horizon + 1);
         --origin) {
      if (lies_in(range, origin) && !std::isnan(set.value(s, origin, target))) next = origin;
      const bool any = next != std::numeric_limits<std::int64_t>::min() && next < origin + o.horizon;
      if (any && (range.end - 1 - origin) % o.stride == 0) places.push_back({s, origin});
    }
  }
  std::ranges::reverse(places);  // in the order of time
  std::ranges::stable_sort(places, {}, &WindowPlace::series);
  return places;
}

namespace {
WindowOptions window_options(const OriginOptions& o) {
  return {.past = o.window, .horizon = o.horizon, .stride = 1, .shortest = o.shortest};
}
}  // namespace

Origins::Origins(const TimeSeriesSet& set, const ColumnRoles& roles, std::vector<RowRange> targets,
                 const OriginOptions& options, std::span<const ColumnFilling> filling)
    : options_(options),
      targets_(std::move(targets)),
      windows_(set, roles, window_options(options), std::vector<RowRange>(set.series.size()), filling),
      places_(origins_of(set, roles.targets[0], targets_, options)) {}

Origins::Origins(const TimeSeriesSet& set, const ColumnRoles& roles, std::vector<WindowPlace> places,
                 const OriginOptions& options, std::span<const ColumnFilling> filling)
    : options_(options),
      targets_(set.series.size()),
      windows_(set, roles, window_options(options), targets_, filling),
      places_(std::move(places)) {}

bool Origins::counts(const WindowPlace& place, std::int64_t step) const {
  return lies_in(targets_[static_cast<std::size_t>(place.series)], place.origin + step);
}

std::vector<std::int64_t> Origins::lengths() const {
  std::vector<std::int64_t> all;
  for (const WindowPlace& place : places_) all.push_back(std::min(place.origin, options_.window));
  return all;
}

WindowBatch Origins::batch(std::span<const std::int64_t> which) const {
  std::vector<WindowPlace> places;
  for (const auto i : which) places.push_back(places_[static_cast<std::size_t>(i)]);
  WindowBatch batch = windows_.at(places);
  for (std::int64_t h = 0; h < batch.horizon; ++h)
    for (std::int64_t b = 0; b < batch.batch; ++b) {
      if (counts(places[static_cast<std::size_t>(b)], h)) continue;
      batch.weights[static_cast<std::size_t>(h * batch.batch + b)] = 0;
      batch.targets[static_cast<std::size_t>(h * batch.batch + b)] = 0;
    }
  return batch;
}

}  // namespace unroll::forecast
