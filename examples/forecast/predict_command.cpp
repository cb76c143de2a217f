#include <cmath>

#include "common/line_reader.hpp"
#include "forecast/commands.hpp"
#include "forecast/saved_model.hpp"
#include "unroll/io/atomic_file.hpp"

namespace unroll::forecast {
namespace {

/// A cell of CSV: in quotes where it needs them.
std::string cell(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == std::string_view::npos) return std::string(text);
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + "\"";
}

std::string written(double x) { return std::isfinite(x) ? fmt::format("{:.6g}", x) : ""; }

/// The forecasts from all origins, those of one series after those of the other, with what came true as far as it is known.
std::string table_of(const SavedModel& saved, const Origins& origins, double level) {
  const bool several = !saved.run.options.series.empty();
  std::vector<std::vector<std::string>> lines(static_cast<std::size_t>(saved.run.options.horizon));
  std::string text = several ? "series," : "";
  text += "origin,step,time,forecast,low,high,truth\n";
  const auto take = [&](const WindowPlace& at, std::int64_t step, const Forecast& forecast) {
    const std::int64_t row = at.origin + step;
    const bool known = row < saved.source.rows[static_cast<std::size_t>(at.series)];
    lines[static_cast<std::size_t>(step)].push_back(fmt::format(
        "{}{},{},{},{},{},{},{}\n",
        several ? cell(saved.source.set.series[static_cast<std::size_t>(at.series)].name) + "," : "",
        saved.source.set.time_text(at.series, at.origin - 1), step + 1,
        saved.source.set.time_text(at.series, row), written(forecast.centre()),
        written(forecast.quantile((1 - level) / 2)), written(forecast.quantile((1 + level) / 2)),
        known ? written(saved.source.target(at.series, row, saved.reading())) : ""));
  };
  for_each_forecast(saved.model, origins, saved.target_scaling(), take);
  for (std::size_t i = 0; i < lines[0].size(); ++i)
    for (const auto& of_step : lines) text += of_step[i];
  return text;
}

}  // namespace

int predict_command(const PredictOptions& options) {
  const SavedModel saved = load_model(options.model, options.data, options.threads);
  check_level(options.level, saved.run.options);
  const Origins origins =
      options.from.empty() ? saved.origins_at_end() : saved.origins(saved.rows_from(options.from));
  const std::string text = table_of(saved, origins, options.level);
  if (options.out.empty()) {
    write_out(text);
    return 0;
  }
  io::write_file_atomically(options.out, std::as_bytes(std::span(text)));
  fmt::print("{}: forecasts from {}\n", options.out, counted(origins.size(), "origin"));
  return 0;
}

}  // namespace unroll::forecast
