#include <algorithm>
#include <cmath>

#include "forecast/commands.hpp"
#include "forecast/saved_model.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/report/svg.hpp"

namespace unroll::forecast {
namespace {

/// One series to be drawn.
struct Drawing {
  const SavedModel& saved;
  std::int64_t series = 0;
  double level = 0.9;
  std::int64_t first = 0;  ///< the first row to be seen

  /// A row as a place on the x-axis.
  double x(std::int64_t row) const {
    const auto time = static_cast<double>(saved.source.set.time(series, row));
    return by_calendar() ? time / 1e6 : time;
  }
  bool by_calendar() const { return saved.source.set.form && *saved.source.set.form != TimeForm::number; }

  /// The truth, and a band and a line to be filled with forecasts.
  report::Chart chart(std::string title) const {
    report::Chart chart;
    chart.title = std::move(title);
    chart.x.scale = by_calendar() ? report::Scale::time : report::Scale::linear;
    chart.y.title = saved.reading().columns[static_cast<std::size_t>(saved.reading().roles.targets[0])];
    chart.bands.push_back({.name = fmt::format("{:g} % interval", 100 * level)});
    chart.lines.push_back({.name = "truth", .quiet = true});
    chart.lines.push_back({.name = "forecast"});
    for (std::int64_t row = first; row < saved.source.rows[static_cast<std::size_t>(series)]; ++row) {
      chart.lines[0].x.push_back(x(row));
      chart.lines[0].y.push_back(saved.source.target(series, row, saved.reading()));
    }
    return chart;
  }
  void add(report::Chart& to, std::int64_t row, const Forecast& forecast) const {
    to.lines[1].x.push_back(x(row)), to.lines[1].y.push_back(forecast.centre());
    to.bands[0].x.push_back(x(row));
    to.bands[0].low.push_back(forecast.quantile((1 - level) / 2));
    to.bands[0].high.push_back(forecast.quantile((1 + level) / 2));
  }
};

std::int64_t find_series(const Source& source, const std::string& name) {
  if (name.empty()) return 0;
  const auto found = std::ranges::find(source.set.series, name, &TimeSeries::name);
  if (found == source.set.series.end())
    raise<DataError>("--series: {} has no series '{}'", source.set.file, printable(name));
  return found - source.set.series.begin();
}

/// Panels for each number of steps ahead: forecasts of the last rows, each from as many steps before.
void draw_steps(report::Figure& figure, Drawing drawing, std::vector<RowRange> rows,
                const PlotOptions& options) {
  for (std::size_t s = 0; s < rows.size(); ++s)
    if (static_cast<std::int64_t>(s) != drawing.series) rows[s] = {};
  RowRange& own = rows[static_cast<std::size_t>(drawing.series)];
  own.begin = std::max(own.begin, own.end - options.rows);
  drawing.first = std::max<std::int64_t>(0, own.begin - (own.end - own.begin) / 8);
  std::vector<report::Chart> charts;
  const auto steps = chosen_steps(options.steps, drawing.saved.run.options.horizon);
  for (const auto step : steps) charts.push_back(drawing.chart(counted(step, "step") + " ahead"));
  const Origins origins = drawing.saved.origins(rows);
  for_each_forecast(drawing.saved.model, origins, drawing.saved.target_scaling(),
                    [&](const WindowPlace& place, std::int64_t step, const Forecast& forecast) {
                      const auto at = std::ranges::find(steps, step + 1);
                      if (at != steps.end() && origins.counts(place, step))
                        drawing.add(charts[static_cast<std::size_t>(at - steps.begin())], place.origin + step,
                                    forecast);
                    });
  for (auto& chart : charts) figure.panels.emplace_back(std::move(chart));
}

/// What comes next.
void draw_end(report::Figure& figure, Drawing drawing, std::int64_t rows) {
  const std::int64_t end = drawing.saved.source.rows[static_cast<std::size_t>(drawing.series)];
  drawing.first = std::max<std::int64_t>(0, end - rows);
  report::Chart chart = drawing.chart("");
  chart.marks.push_back({.at = drawing.x(end - 1), .text = "last value"});
  for_each_forecast(drawing.saved.model, drawing.saved.origins_at_end(), drawing.saved.target_scaling(),
                    [&](const WindowPlace& place, std::int64_t step, const Forecast& forecast) {
                      if (place.series == drawing.series) drawing.add(chart, place.origin + step, forecast);
                    });
  figure.panels.emplace_back(std::move(chart));
}

}  // namespace

int plot_command(const PlotOptions& options) {
  const SavedModel saved = load_model(options.model, options.data, options.threads);
  check_level(options.level, saved.run.options);
  Drawing drawing{saved, find_series(saved.source, options.series), options.level};
  const auto& series = saved.source.set.series[static_cast<std::size_t>(drawing.series)];
  report::Figure figure;
  figure.title = series.name;
  const auto tested =
      parts_at(saved.source, saved.reading().end).from[static_cast<std::size_t>(drawing.series)];
  const bool over_truth = !options.from.empty() || tested.begin < tested.end;
  figure.description = over_truth ? "Forecasts with their intervals, and what came true."
                                  : "The last values, and the forecast of the next with its interval.";
  if (over_truth)
    draw_steps(figure, drawing, saved.rows_from(options.from), options);
  else
    draw_end(figure, drawing, options.rows);
  report::write_svg(options.out, figure);
  fmt::print("{}\n", options.out);
  return 0;
}

}  // namespace unroll::forecast
