#include "sweep_state.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "unroll/autograd/error.hpp"
#include "unroll/io/atomic_file.hpp"
#include "unroll/io/json.hpp"

namespace unroll::tool {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::string_view, 4> status_names{"waiting", "running", "done", "failed"};
constexpr std::uint64_t largest_file = 64 << 20;

ordered_json trial_json(const Trial& trial) {
  ordered_json setting = ordered_json::object();
  for (const auto& [name, value] : trial.setting) setting[name] = value;
  return {{"setting", setting},
          {"status", status_names[static_cast<std::size_t>(trial.status)]},
          {"exit_status", trial.exit_status},
          {"seconds", trial.seconds},
          {"last_lines", trial.last_lines}};
}

Trial trial_from(const io::JsonValue& json) {
  Trial trial;
  const io::JsonValue setting = json.at("setting");
  if (!setting.json().is_object()) setting.refuse("an object");
  for (const auto& [name, value] : setting.json().items())
    trial.setting.emplace_back(name, setting.at(name).text());
  const auto& status = json.at("status").one_of(status_names);
  trial.status = static_cast<TrialStatus>(std::ranges::find(status_names, status) - status_names.begin());
  if (trial.status == TrialStatus::running) trial.status = TrialStatus::waiting;
  trial.exit_status = json.at("exit_status").integer<int>(0, 255);
  trial.seconds = json.at("seconds").number(0);
  trial.last_lines = json.at("last_lines").text();
  return trial;
}

/// Visits the objects of a log that are evaluations.
template <class Visit>
void for_each_evaluation(const std::string& log, Visit&& visit) {
  std::ifstream file(log, std::ios::binary);
  for (std::string line; std::getline(file, line);) {
    if (line.find("\"train_loss\"") == line.npos || line.size() > (1 << 20)) continue;
    try {
      const auto json = io::parse_json(line, log);
      if (json->is_object()) visit(*json);
    } catch (const DataError&) {
      continue;  // the last line of a run that was killed
    }
  }
}

}  // namespace

void save_sweep(const Sweep& sweep, const std::string& file) {
  ordered_json trials = ordered_json::array();
  for (const Trial& trial : sweep.trials) trials.push_back(trial_json(trial));
  const SweepPlan& plan = sweep.plan;
  const ordered_json json{
      {"unroll_sweep", 1}, {"program", plan.program}, {"arguments", plan.arguments}, {"space", plan.space},
      {"seed", plan.seed}, {"grid", plan.grid},       {"trials", std::move(trials)}};
  const std::string text = json.dump(1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  io::write_file_atomically(file, std::as_bytes(std::span(text)));
}

Sweep load_sweep(const std::string& file) {
  const auto bytes = io::read_file(file, largest_file);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto document = io::parse_json(text, file, {.memory = 1 << 30});
  const io::JsonValue json(*document, file);
  json.at("unroll_sweep").integer<int>(1, 1);
  Sweep sweep;
  sweep.plan = {.program = json.at("program").text(),
                .arguments = json.at("arguments").texts(),
                .space = json.at("space").texts(),
                .seed = json.at("seed").integer<std::uint64_t>(),
                .grid = json.at("grid").boolean()};
  for (const io::JsonValue& trial : json.at("trials").elements()) sweep.trials.push_back(trial_from(trial));
  return sweep;
}

std::optional<BestFigure> best_figure(const std::string& log, const Criterion& criterion) {
  std::optional<BestFigure> best;
  for_each_evaluation(log, [&](const ordered_json& line) {
    const auto value = line.find(criterion.figure), step = line.find("step");
    if (value == line.end() || !value->is_number() || step == line.end() || !step->is_number_integer())
      return;
    const double figure = value->get<double>();
    if (!std::isfinite(figure)) return;
    if (!best || (criterion.largest ? figure > best->value : figure < best->value))
      best = {figure, step->get<std::int64_t>()};
  });
  return best;
}

std::string figures_in(const std::string& log) {
  std::set<std::string> names;
  for_each_evaluation(log, [&](const ordered_json& line) {
    for (const auto& [name, value] : line.items())
      if (value.is_number() && name != "step" && name != "epoch" && name != "seconds" && name != "stalled")
        names.insert(name);
  });
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list;
}

std::string last_lines_of(const std::string& file, std::size_t count) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  const auto size = static_cast<std::int64_t>(in.tellg());
  if (!in || size <= 0) return {};
  std::string text(static_cast<std::size_t>(std::min<std::int64_t>(size, 8192)), '\0');
  in.seekg(size - std::ssize(text));
  in.read(text.data(), std::ssize(text));
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  std::size_t begin = text.size();
  for (std::size_t k = 0; k < count && begin != text.npos && begin > 0; ++k)
    begin = text.rfind('\n', begin - 1);
  return begin == text.npos || begin == 0 ? text : text.substr(begin + 1);
}

}  // namespace unroll::tool
