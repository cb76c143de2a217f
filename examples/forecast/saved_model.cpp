#include "forecast/saved_model.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "unroll/data/utf8.hpp"

namespace unroll::forecast {
namespace {

/// A time as it is written in the file, or the number of a row.
std::int64_t time_of(const std::string& text, const TimeSeriesSet& set) {
  if (set.form) {
    const TimeReading reading = read_time(text, *set.form);
    if (reading.problem.empty()) return reading.time;
    raise<UsageError>("--from {}: {}", printable(text), reading.problem);
  }
  std::int64_t row = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), row);
  if (error != std::errc{} || end != text.data() + text.size())
    raise<UsageError>("--from {}: need the number of a row, from 0: {} has no times", printable(text),
                      set.file);
  return row;
}

}  // namespace

std::vector<RowRange> SavedModel::rows_from(const std::string& time) const {
  auto rows = parts_at(source, time.empty() ? reading().end : time_of(time, source.set)).from;
  if (std::ranges::any_of(rows, [](const RowRange& r) { return r.begin < r.end; })) return rows;
  if (!time.empty())
    raise<DataError>("--from {}: {} has no target from there on", printable(time), source.set.file);
  raise<DataError>(
      "{}: no target follows {}, the last that the run learned from: train with --holdout, or name other "
      "--data",
      source.set.file, reading().last);
}

Origins SavedModel::origins(const std::vector<RowRange>& rows) const {
  return origins_in(source, reading(), preparation, rows, origin_options(run.options, reading()));
}

Origins SavedModel::origins_at_end() const {
  const OriginOptions options = origin_options(run.options, reading());
  std::vector<WindowPlace> places;
  std::vector<RowRange> rows;
  for (std::int64_t s = 0; s < source.series(); ++s) {
    const std::int64_t end = source.rows[static_cast<std::size_t>(s)];
    if (end < options.shortest)
      raise<DataError>("{}: {} before the forecast; the model needs {}", source.set.place(s, end),
                       counted(end, "row"), options.shortest);
    for (const auto c : reading().roles.known)
      for (std::int64_t row = end; row < end + options.horizon; ++row)
        if (std::isnan(source.set.value(s, row, c)) &&
            !preparation.filling[static_cast<std::size_t>(c)].indicator)
          raise<DataError>(
              "{}: the forecast needs '{}', which is known ahead, of {}; add it to the file, in rows without "
              "a target",
              source.set.file, printable(reading().columns[static_cast<std::size_t>(c)]),
              source.set.time_text(s, row));
    places.push_back({s, end});
    rows.push_back({0, end});
  }
  return origins_from(source, reading(), preparation, places, rows, options);
}

SavedModel load_model(const std::string& model, const std::string& data, int threads) {
  SavedRun run = load_run<TrainOptions, Reading>(find_checkpoint(model));
  use_threads(threads > 0 ? threads : run.options.threads);
  TrainOptions options = run.options;
  if (!data.empty()) options.data = data;
  Reading reading = run.reading;
  Source source = read_source(options, reading);
  if (data.empty() && source.checksum != run.text_checksum)
    raise<DataError>("{}: no longer what the model was trained on; name the data with --data",
                     source.set.file);
  Forecaster network = trained_model(run);
  Preparation preparation{network.columns().scaling(), network.columns().filling()};
  auto trained = parts_at(source, reading.end).before;
  return {std::move(run), std::move(network), std::move(source), std::move(preparation), std::move(trained)};
}

std::vector<std::int64_t> chosen_steps(std::vector<std::int64_t> steps, std::int64_t horizon) {
  if (steps.empty()) steps = {1, horizon};
  std::ranges::sort(steps);
  steps.erase(std::unique(steps.begin(), steps.end()), steps.end());
  if (steps.back() > horizon)
    raise<UsageError>("--steps {}: the model forecasts 1 to {} ahead", steps.back(),
                      counted(horizon, "step"));
  return steps;
}

void check_level(double level, const TrainOptions& o) {
  if (o.loss != "quantiles") return;
  const auto [low, high] = std::ranges::minmax(o.quantiles);
  constexpr double rounding = 1e-9;  // 1 − 0.9 is a little more than 0.1
  if ((1 - level) / 2 < low - rounding || (1 + level) / 2 > high + rounding)
    raise<UsageError>("--level {:g}: the model knows the quantiles from {:g} to {:g} only", level, low, high);
}

}  // namespace unroll::forecast
