#include "sweep_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "unroll/data/utf8.hpp"
#include "unroll/report/svg.hpp"
#include "unroll/train/progress.hpp"
#include "unroll/train/run_folder.hpp"

namespace unroll::tool {
namespace {

std::string state_of(const Trial& trial, bool has_figure) {
  switch (trial.status) {
    case TrialStatus::waiting:
      return has_figure ? "not finished" : "not begun";
    case TrialStatus::running:
      return "running";
    case TrialStatus::failed:
      return fmt::format("failed, status {}", trial.exit_status);
    case TrialStatus::done:
      return has_figure ? "" : "no such figure";
  }
  return {};
}

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == text.npos) return text;
  std::string quoted = "\"";
  for (const char c : text) quoted += c == '"' ? "\"\"" : std::string(1, c);
  return quoted + "\"";
}

/// Columns as wide as what is in them; numbers to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows,
                    const std::vector<bool>& to_the_right) {
  std::vector<std::size_t> widths(rows[0].size(), 0);
  for (const auto& row : rows)
    for (std::size_t k = 0; k < row.size(); ++k) widths[k] = std::max(widths[k], count_characters(row[k]));
  std::string text;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t k = 0; k < row.size(); ++k) {
      const std::string gap(widths[k] - count_characters(row[k]), ' ');
      line += (k > 0 ? "  " : "") + (to_the_right[k] ? gap + row[k] : row[k] + gap);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::optional<double> number_of(const std::string& text) {
  double x = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), x);
  if (error != std::errc() || at != text.data() + text.size() || !std::isfinite(x)) return {};
  return x;
}

/// An option's values along an axis: as numbers if all of them are, or else each at a place of its own.
class ValueAxis {
 public:
  explicit ValueAxis(const Dimension& dimension) : dimension_(dimension) {
    for (const std::string& value : dimension.values) numbers_ = numbers_ && number_of(value).has_value();
  }
  double place(const std::string& value) const {
    if (numbers_) return number_of(value).value_or(std::nan(""));
    return static_cast<double>(std::ranges::find(dimension_.values, value) - dimension_.values.begin());
  }
  report::Axis axis() const {
    report::Axis axis{.title = dimension_.name};
    const auto& values = dimension_.values;
    if (!numbers_) {
      for (const std::string& value : values) axis.ticks.push_back({place(value), value});
      axis.low = -0.5, axis.high = static_cast<double>(values.size()) - 0.5;
    } else if (values.empty()) {
      axis.scale = dimension_.log ? report::Scale::log : report::Scale::linear;
    } else {
      std::vector<double> places;
      for (const std::string& value : values) {
        places.push_back(place(value));
        if (values.size() <= 8) axis.ticks.push_back({place(value), value});
      }
      const auto [low, high] = std::ranges::minmax(places);
      if (low > 0 && high >= 4 * low) axis.scale = report::Scale::log;
    }
    return axis;
  }

 private:
  const Dimension& dimension_;
  bool numbers_ = true;
};

report::Chart chart_of(const Dimension& dimension, const Sweep& sweep, const std::vector<RankedTrial>& ranked,
                       const Criterion& criterion) {
  const ValueAxis axis(dimension);
  report::Chart chart{.x = axis.axis(), .y = {.title = criterion.figure}, .height = 180};
  report::Line all{.name = "a trial", .stroke = report::Stroke::points},
      best{.name = "the best", .stroke = report::Stroke::points};
  for (const RankedTrial& trial : ranked) {
    if (!trial.best) continue;
    for (const auto& [name, value] : sweep.trials[trial.number].setting) {
      if (name != dimension.name) continue;
      report::Line& line = &trial == &ranked.front() ? best : all;
      line.x.push_back(axis.place(value));
      line.y.push_back(trial.best->value);
    }
  }
  chart.lines = {std::move(all), std::move(best)};
  return chart;
}

}  // namespace

std::string trial_folder(const std::string& folder, std::size_t number) {
  return fmt::format("{}/trial-{:03}", folder, number + 1);
}
std::string trial_log(const std::string& folder, std::size_t number) {
  return RunFolder(trial_folder(folder, number)).log();
}

std::vector<RankedTrial> ranked_trials(const Sweep& sweep, const std::string& folder,
                                       const Criterion& criterion) {
  std::vector<RankedTrial> ranked;
  for (std::size_t k = 0; k < sweep.trials.size(); ++k) {
    const bool failed = sweep.trials[k].status == TrialStatus::failed;
    ranked.push_back({k, failed ? std::nullopt : best_figure(trial_log(folder, k), criterion)});
  }
  std::ranges::stable_sort(ranked, [&](const RankedTrial& a, const RankedTrial& b) {
    if (!a.best || !b.best) return a.best.has_value() && !b.best;
    return criterion.largest ? a.best->value > b.best->value : a.best->value < b.best->value;
  });
  return ranked;
}

std::string table_text(const Sweep& sweep, const std::vector<RankedTrial>& ranked, const Criterion& criterion,
                       std::size_t count) {
  std::vector<std::vector<std::string>> rows{{"", criterion.figure, "step", "trial"}};
  std::vector<bool> to_the_right{true, true, true, true};
  for (const auto& [name, value] : sweep.trials.at(0).setting) {
    rows[0].push_back(name);
    to_the_right.push_back(number_of(value).has_value());
  }
  rows[0].insert(rows[0].end(), {"time", ""});
  to_the_right.insert(to_the_right.end(), {true, false});
  for (std::size_t rank = 0; rank < std::min(count, ranked.size()); ++rank) {
    const RankedTrial& ranked_trial = ranked[rank];
    const Trial& trial = sweep.trials[ranked_trial.number];
    const auto& best = ranked_trial.best;
    std::vector<std::string> row{
        best ? fmt::format("{}", rank + 1) : "-", best ? fmt::format("{:.4f}", best->value) : "-",
        best ? grouped(best->step) : "-", fmt::format("{:03}", ranked_trial.number + 1)};
    for (const auto& [name, value] : trial.setting) row.push_back(printable(value, 40));
    row.push_back(trial.seconds > 0 ? duration_text(trial.seconds) : "-");
    row.push_back(state_of(trial, best.has_value()));
    rows.push_back(std::move(row));
  }
  return aligned(rows, to_the_right);
}

std::string table_csv(const Sweep& sweep, const std::vector<RankedTrial>& ranked,
                      const Criterion& criterion) {
  std::string text = "rank,trial," + csv_field(criterion.figure) + ",step";
  for (const auto& [name, value] : sweep.trials.at(0).setting) text += "," + csv_field(name);
  text += ",seconds,state\n";
  std::size_t rank = 0;
  for (const RankedTrial& ranked_trial : ranked) {
    const Trial& trial = sweep.trials[ranked_trial.number];
    const auto& best = ranked_trial.best;
    text +=
        fmt::format("{},{},{},{}", ++rank, ranked_trial.number + 1,
                    best ? fmt::format("{}", best->value) : "", best ? fmt::format("{}", best->step) : "");
    for (const auto& [name, value] : trial.setting) text += "," + csv_field(value);
    text += fmt::format(",{:.1f},{}\n", trial.seconds, csv_field(state_of(trial, best.has_value())));
  }
  return text;
}

void write_picture(const std::string& file, const Sweep& sweep, const std::vector<RankedTrial>& ranked,
                   const Criterion& criterion) {
  report::Figure figure{
      .title = fmt::format("{} by option", criterion.figure),
      .description = fmt::format("For each option that varies, {} of every trial.", criterion.figure),
      .width = 720,
      .columns = sweep.plan.space.size() > 1 ? std::size_t{2} : std::size_t{1},
      .panels = {}};
  std::vector<Dimension> space;
  for (const std::string& text : sweep.plan.space) space.push_back(parse_dimension(text));
  for (const Dimension& dimension : space) {
    report::Chart chart = chart_of(dimension, sweep, ranked, criterion);
    if (!figure.panels.empty()) chart.legend = report::Legend::none;  // it is that of the first
    figure.panels.push_back(std::move(chart));
  }
  report::write_svg(file, figure);
}

}  // namespace unroll::tool
