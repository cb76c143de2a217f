#include "forecast/dataset.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/memory.hpp"
#include "unroll/autograd/error.hpp"
#include "unroll/train/progress.hpp"

namespace unroll::forecast {
namespace {

bool is_circle(std::string_view name) { return name.ends_with(".sin") || name.ends_with(".cos"); }

/// How a column is scaled: the target as the options say, what is 0 and 1 or on a circle not at all.
ScalingKind kind_of(const Reading& reading, std::int64_t column, const TrainOptions& options) {
  if (column == reading.roles.targets[0]) return scaling_named(options.scale);
  const std::string& name = reading.columns[static_cast<std::size_t>(column)];
  if (is_circle(name)) return ScalingKind::none;
  for (const auto& [words, levels] : reading.words)
    if (name.starts_with(words + "=")) return ScalingKind::none;
  return ScalingKind::standard;
}

/// The rows that the file has, without those added for what is known ahead.
TimeSeriesSet without_room(const Source& source) {
  TimeSeriesSet set = source.set;
  for (std::size_t s = 0; s < set.series.size(); ++s)
    set.series[s].values.resize(static_cast<std::size_t>(source.rows[s]) * set.columns.size());
  return set;
}

/// Where inputs known ahead end before the targets do, their last value goes on: nothing that counts is forecast from it.
void go_on_behind(TimeSeriesSet& set, const Reading& reading, std::span<const RowRange> ranges) {
  const std::size_t columns = set.columns.size();
  for (std::size_t s = 0; s < set.series.size(); ++s)
    for (std::int64_t row = std::max<std::int64_t>(ranges[s].end, 1);
         row < set.rows(static_cast<std::int64_t>(s)); ++row)
      for (const auto* role : {&reading.roles.known, &reading.roles.fixed})
        for (const auto c : *role) {
          double& value =
              set.series[s].values[static_cast<std::size_t>(row) * columns + static_cast<std::size_t>(c)];
          if (std::isnan(value)) value = set.value(static_cast<std::int64_t>(s), row - 1, c);
        }
}

/// The scaled set without what lies behind the ranges and is not known ahead.
TimeSeriesSet seen_by(const Source& source, const Reading& reading, const Preparation& preparation,
                      std::span<const RowRange> ranges) {
  TimeSeriesSet set = hidden_behind(source, reading.roles, ranges);
  apply_scaling(set, preparation.scaling);
  go_on_behind(set, reading, ranges);
  return set;
}

std::int64_t with_indicator(const std::vector<std::int64_t>& columns, const Preparation& p) {
  return std::ssize(columns) + std::ranges::count_if(columns, [&](std::int64_t c) {
           return p.filling[static_cast<std::size_t>(c)].indicator;
         });
}

}  // namespace

Preparation fit_preparation(const Source& source, Reading& reading, std::span<const RowRange> training,
                            const TrainOptions& options) {
  TimeSeriesSet set = without_room(source);
  std::vector<ScalingKind> kinds;
  for (std::int64_t c = 0; c < std::ssize(reading.columns); ++c)
    kinds.push_back(kind_of(reading, c, options));
  Preparation p;
  p.scaling = fit_scaling(set, training, kinds);
  apply_scaling(set, p.scaling);
  std::vector<std::int64_t> unknown = reading.roles.targets;  // in the rows to be forecast
  unknown.insert(unknown.end(), reading.roles.past.begin(), reading.roles.past.end());
  p.filling = fit_filling(set, training, fill_rule_named(options.fill), unknown);
  reading.known_features = with_indicator(reading.roles.known, p);
  reading.fixed_features = with_indicator(reading.roles.fixed, p);
  reading.past_features = with_indicator(unknown, p) + reading.known_features;
  return p;
}

OriginOptions origin_options(const TrainOptions& options, const Reading& reading) {
  return {.window = std::max(options.window, reading.order),
          .horizon = options.horizon,
          .stride = 1,
          .shortest = std::max({options.shortest, reading.order, std::int64_t{1}})};
}

Origins origins_in(const Source& source, const Reading& reading, const Preparation& preparation,
                   const std::vector<RowRange>& targets, const OriginOptions& options) {
  return {seen_by(source, reading, preparation, targets), reading.roles, targets, options,
          preparation.filling};
}

Origins origins_from(const Source& source, const Reading& reading, const Preparation& preparation,
                     std::vector<WindowPlace> places, const std::vector<RowRange>& rows,
                     const OriginOptions& options) {
  return {seen_by(source, reading, preparation, rows), reading.roles, std::move(places), options,
          preparation.filling};
}

double for_each_forecast(
    const Forecaster& model, const Origins& origins, const ColumnScaling& scaling,
    const std::function<void(const WindowPlace&, std::int64_t, const Forecast&)>& visit) {
  constexpr std::int64_t batch_size = 256;
  const NoGrad no_grad;
  const auto deviation = model.linear().deviation();
  Forecaster reader = model;  // shares the parameters
  eval(reader);
  double loss = 0, count = 0;
  for (std::int64_t first = 0; first < origins.size(); first += batch_size) {
    std::vector<std::int64_t> which(static_cast<std::size_t>(std::min(batch_size, origins.size() - first)));
    std::iota(which.begin(), which.end(), first);
    const Batch batch = model.batch_of(origins.batch(which));
    auto distributions = reader.distributions(batch);
    for (std::size_t i = 0; i < distributions.size(); ++i) {
      const std::size_t step = i / which.size();
      visit(batch.places[i % which.size()], static_cast<std::int64_t>(step),
            {scaling, batch.linear[i], deviation[step], std::move(distributions[i])});
    }
    loss += batch.count * double{reader.loss(batch).item()}, count += batch.count;
  }
  return count > 0 ? loss / count : 0;
}

Forecaster new_model(const TrainOptions& options, const Reading& reading, const Preparation& preparation,
                     const Origins& training) {
  if (training.size() == 0)
    raise<DataError>("no row to learn from has {} before it, as --shortest and --order ask for",
                     counted(origin_options(options, reading).shortest, "row"));
  check_memory(least_weights(options, reading), options.optimizer,
               fmt::format("--hidden {}, --layers {}, --horizon {}, --ensemble {}", options.hidden,
                           options.layers, options.horizon, options.ensemble));
  LinearPart linear = options.linear == "ar" ? LinearPart::autoregression(training, reading, options.horizon)
                      : options.linear == "last" ? LinearPart::last_value(options.horizon, reading)
                                                 : LinearPart::constant(options.horizon, reading);
  linear.fit_deviation(training, reading);
  return {options, reading, std::move(linear), SavedColumns<float>(preparation.scaling, preparation.filling)};
}

Forecaster empty_model(const TrainOptions& options, const Reading& reading) {
  return {options, reading, LinearPart(options.horizon, LinearPart::features(reading)),
          SavedColumns<float>(std::ssize(reading.columns))};
}

}  // namespace unroll::forecast
