#include "forecast/comparison.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "forecast/baselines.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::forecast {
namespace {

/// A row of a series.
struct Row {
  std::int64_t series, row;
};

void add(Scored& to, double forecast, double low, double high) {
  to.forecasts.push_back(forecast), to.low.push_back(low), to.high.push_back(high);
}

/// One series as the baselines see it.
struct Past {
  std::vector<double> truth, values;  // with and without missing values
  std::int64_t rows;                  // that are learned from
};

Past past_of(const Source& source, const Reading& reading, std::int64_t s, std::int64_t rows) {
  Past past{{}, {}, rows};
  for (std::int64_t row = 0; row < source.rows[static_cast<std::size_t>(s)]; ++row)
    past.truth.push_back(source.target(s, row, reading));
  past.values = filled(past.truth);
  return past;
}

/// The mean |y(t) − y(t − m)| of the rows that are learned from.
double naive_error(const Past& past, std::int64_t m) {
  double sum = 0, count = 0;
  for (std::int64_t t = m; t < past.rows; ++t) {
    const double error =
        past.truth[static_cast<std::size_t>(t)] - past.truth[static_cast<std::size_t>(t - m)];
    if (!std::isnan(error)) sum += std::abs(error), ++count;
  }
  return count > 0 ? sum / count : std::nan("");
}

/// Adds the forecasts of a baseline of which there is one for each series, or none.
void add_baseline(Compared& to, const std::string& name, std::span<const Row> rows,
                  const std::vector<std::optional<Baseline>>& baselines, const std::vector<Past>& pasts,
                  double level) {
  Scored scored{name, {}, {}, {}};
  std::vector<double> deviations;
  for (std::size_t s = 0; s < pasts.size(); ++s)
    deviations.push_back(
        baselines[s] ? baselines[s]->deviation(pasts[s].values, pasts[s].truth, pasts[s].rows) : 0);
  const double z = normal_quantile((1 + level) / 2);
  for (const Row& row : rows) {
    const auto s = static_cast<std::size_t>(row.series);
    const bool can = baselines[s] && row.row >= baselines[s]->first();
    const double y = can ? (*baselines[s])(pasts[s].values, row.row) : std::nan("");
    add(scored, y, y - z * deviations[s], y + z * deviations[s]);
  }
  to.methods.push_back(std::move(scored));
}

void add_baselines(Compared& to, std::span<const Row> rows, const std::vector<Past>& pasts,
                   const ComparisonOptions& o) {
  std::vector<std::optional<Baseline>> last, seasonal, regressions;
  for (const Past& past : pasts) {
    last.emplace_back(Baseline::naive(to.step));
    if (o.season > 0) seasonal.emplace_back(Baseline::naive((to.step + o.season - 1) / o.season * o.season));
    regressions.push_back(Baseline::autoregression(past.values, past.rows, to.step, o.order));
  }
  add_baseline(to, "last value", rows, last, pasts, o.level);
  if (o.season > 0)
    add_baseline(to, fmt::format("seasonal naive, {}", counted(o.season, "row")), rows, seasonal, pasts,
                 o.level);
  const bool one = pasts.size() == 1 && regressions[0];
  add_baseline(to, one ? fmt::format("autoregression, order {}", regressions[0]->order()) : "autoregression",
               rows, regressions, pasts, o.level);
}

}  // namespace

std::vector<Compared> compare(const Forecaster& model, const Source& source, const Reading& reading,
                              const Preparation& preparation, const Origins& origins,
                              std::span<const RowRange> trained, const ComparisonOptions& o) {
  std::vector<Past> pasts;
  std::vector<double> scales;
  for (std::int64_t s = 0; s < source.series(); ++s) {
    pasts.push_back(past_of(source, reading, s, trained[static_cast<std::size_t>(s)].end));
    scales.push_back(naive_error(pasts.back(), std::max<std::int64_t>(o.season, 1)));
  }
  std::vector<Compared> all;
  std::map<std::int64_t, std::size_t> at;
  std::vector<std::vector<Row>> rows(o.steps.size());
  for (const auto step : o.steps) {
    at[step] = all.size();
    all.push_back({step, {}, {{"forecast", {}, {}, {}}, {"its linear part", {}, {}, {}}}, {}, {}});
  }
  const double below = (1 - o.level) / 2, above = (1 + o.level) / 2;
  const auto take = [&](const WindowPlace& place, std::int64_t step, const Forecast& forecast) {
    const auto found = at.find(step + 1);
    const std::int64_t row = place.origin + step;
    if (found == at.end() || !origins.counts(place, step)) return;
    const double truth = source.target(place.series, row, reading);
    if (std::isnan(truth)) return;
    Compared& to = all[found->second];
    rows[found->second].push_back({place.series, row});
    to.rows.truth.push_back(truth);
    to.rows.scale.push_back(scales[static_cast<std::size_t>(place.series)]);
    add(to.methods[0], forecast.centre(), forecast.quantile(below), forecast.quantile(above));
    add(to.methods[1], forecast.linear(), forecast.linear_quantile(below), forecast.linear_quantile(above));
  };
  for_each_forecast(model, origins, preparation.scaling[static_cast<std::size_t>(reading.roles.targets[0])],
                    take);
  for (std::size_t i = 0; i < all.size(); ++i) {
    add_baselines(all[i], rows[i], pasts, o);
    if (rows[i].empty()) continue;
    const auto by_time = [&](const Row& row) { return source.set.time(row.series, row.row); };
    const Row first = *std::ranges::min_element(rows[i], {}, by_time),
              last = *std::ranges::max_element(rows[i], {}, by_time);
    all[i].first = source.set.time_text(first.series, first.row),
    all[i].last = source.set.time_text(last.series, last.row);
  }
  return all;
}

}  // namespace unroll::forecast
