#include "unroll/report/run_log.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/report/log_lines.hpp"

namespace unroll::report {
namespace {

constexpr std::size_t longest_sample = 4000;

/// Numbers that are no curves: they say where a line stands, or are summed up.
bool is_clock(std::string_view key) { return key == "epoch" || key == "seconds" || key == "stalled"; }
bool is_spent(std::string_view key) { return key.ends_with("_seconds") && key != "seconds"; }

class LogReader {
 public:
  explicit LogReader(const RunLogOptions& options) : options_(options), clock_(256) {}

  void take(const LogEntry& line) {
    if (line.step < 0 && line.text.find("\"config\"") != std::string_view::npos) return take_first(line);
    const bool evaluation = line.has("train_loss") || line.has("valid_loss");
    if (line.step < 0 || (!evaluation && !line.has("loss"))) return void(++without_step_);
    if (line.step < log_.last_step) ++fallen_;
    log_.last_step = std::max(log_.last_step, line.step);
    take_clock(line);
    for (const auto& [key, value] : line.numbers) {
      if (is_spent(key))
        spent_[key] += std::isfinite(value) ? value : 0;
      else if (!is_clock(key))
        take_number(key, line.step, value);
    }
    if (evaluation) take_evaluation(line);
  }

  RunLog finish(const LogLines& met) {
    log_.lines = met.lines;
    if (latest_) log_.samples.push_back(std::move(*latest_));
    for (auto& [key, thinner] : curves_) log_.curves.push_back({key, thinner.curve()});
    for (const auto& [key, seconds] : spent_) log_.spent.emplace_back(key, seconds);
    if (clock_steps_ > 0) finish_clock();
    add_notes(met);
    return std::move(log_);
  }

 private:
  struct Tick {
    std::int64_t step;
    double epoch, seconds;
  };

  void take_first(const LogEntry& line) {
    if (log_.config) return;
    try {
      const auto document = io::parse_json(line.text, "log");
      const auto member = [&](const char* key) {
        const auto found = document->find(key);
        return found != document->end() && found->is_object()
                   ? io::JsonDocument(new nlohmann::ordered_json(std::move(*found)))
                   : nullptr;
      };
      log_.config = member("config"), log_.run = member("run");
      if (log_.config)
        if (const auto found = log_.config->find("steps_per_epoch");
            found != log_.config->end() && found->is_number() && found->get<double>() >= 1)
          steps_per_epoch_ = found->get<double>();
    } catch (const DataError&) {
      ++without_step_;
    }
  }

  void take_number(const std::string& key, std::int64_t step, double value) {
    auto found = std::ranges::find(curves_, key, &std::pair<std::string, CurveThinner>::first);
    if (found == curves_.end()) {
      if (curves_.size() == options_.curves) return void(++left_out_);
      curves_.emplace_back(key, CurveThinner(options_.buckets));
      found = std::prev(curves_.end());
    }
    found->second.add(step, value);
  }

  /// An older log's training line has the number of the epoch that it is in.
  void take_clock(const LogEntry& line) {
    const bool older = line.has("loss") && !line.has("learning_rate");
    double epoch = steps_per_epoch_ > 0 ? static_cast<double>(line.step) / steps_per_epoch_
                   : older              ? std::nan("")
                                        : line.number_of("epoch");
    if (!std::isfinite(epoch)) epoch = ticks_.empty() ? 0 : ticks_.back().epoch;
    double seconds = line.number_of("seconds");
    if (!std::isfinite(seconds)) seconds = ticks_.empty() ? 0 : ticks_.back().seconds;
    const Tick tick{line.step, epoch, seconds};
    if (!ticks_.empty() && clock_steps_++ % every_ != 0) return void(ticks_.back() = tick);
    if (ticks_.empty()) ++clock_steps_;
    if (ticks_.size() == 2 * clock_) {  // every other one goes
      for (std::size_t k = 0; k < clock_; ++k) ticks_[k] = ticks_[2 * k + 1];
      ticks_.resize(clock_);
      every_ *= 2;
    }
    ticks_.push_back(tick);
  }
  void finish_clock() {
    for (const Tick& tick : ticks_) {
      if (!log_.clock_steps.empty() && tick.step <= log_.clock_steps.back()) continue;
      log_.clock_steps.push_back(tick.step);
      log_.epochs.push_back(tick.epoch), log_.seconds.push_back(tick.seconds);
    }
  }

  void take_evaluation(const LogEntry& line) {
    Evaluated evaluated{line.step, {}};
    for (const auto& [key, value] : line.numbers)
      if (std::isfinite(value) && evaluated.figures.size() < options_.curves)
        evaluated.figures.emplace_back(key, value);
    const double loss = line.number_of("valid_loss");
    const auto flag = std::ranges::find(line.flags, "best", &std::pair<std::string, bool>::first);
    const bool marked = flag != line.flags.end();
    const bool best = marked ? flag->second : std::isfinite(loss) && !(loss >= least_loss_);
    if (best) log_.best = evaluated;
    if (best && std::isfinite(loss)) least_loss_ = loss;
    log_.last = std::move(evaluated);
    take_sample(line, loss, marked && best);
  }

  /// The first stays, and of the others every other one goes when there are too many.
  void take_sample(const LogEntry& line, double loss, bool best) {
    Sample sample{.step = line.step, .best = best};
    if (std::isfinite(loss)) sample.loss = loss;
    for (const auto& [key, text] : line.texts) {
      if (key == "example") sample.text = cut(text);
      if (key == "note") sample.note = cut(text);
    }
    if (sample.text.empty()) return;
    latest_.reset();
    if (number_of_samples_++ % sample_every_ != 0) return void(latest_ = std::move(sample));
    auto& kept = log_.samples;
    kept.push_back(std::move(sample));
    if (kept.size() < std::max<std::size_t>(options_.samples, 4)) return;
    for (std::size_t k = 2; k < kept.size(); k += 2) kept[k / 2] = std::move(kept[k]);
    if (kept.size() % 2 == 0) latest_ = std::move(kept.back());
    kept.resize((kept.size() + 1) / 2);
    sample_every_ *= 2;
  }
  static std::string cut(const std::string& text) {
    if (text.size() <= longest_sample) return text;
    std::size_t end = longest_sample;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end) + " …";
  }

  void add_notes(const LogLines& met) {
    auto& notes = log_.notes;
    if (met.lines == 0) notes.push_back("The log has no whole line yet.");
    if (met.unfinished)
      notes.push_back("The last line of the log is not whole: the run still writes it, or was killed.");
    if (met.foreign > 0)
      notes.push_back(fmt::format(
          "{} of {} lines of the log are no JSON objects, and are left out; the first is line {}.",
          met.foreign, met.lines, met.first_foreign));
    if (met.lines > 0 && !log_.config) notes.push_back("The log does not begin with the run's options.");
    if (without_step_ > 0)
      notes.push_back(fmt::format(
          "{} of {} lines of the log are neither of training nor of evaluation, and are left out.",
          without_step_, met.lines));
    if (fallen_ > 0)
      notes.push_back(
          fmt::format("The number of steps falls {} times in the log: it is of several runs.", fallen_));
    if (left_out_ > 0)
      notes.push_back(fmt::format(
          "The log has more than {} kinds of numbers; those that came last are left out.", options_.curves));
    for (const auto& [key, curve] : log_.curves)
      if (curve.not_finite > 0)
        notes.push_back(fmt::format("{}: {} of {} values are not finite, the first at step {}.", key,
                                    curve.not_finite, curve.count, curve.first_not_finite));
  }

  RunLogOptions options_;
  RunLog log_;
  std::vector<std::pair<std::string, CurveThinner>> curves_;
  std::map<std::string, double> spent_;
  std::vector<Tick> ticks_;
  std::size_t clock_;
  std::int64_t clock_steps_ = 0, every_ = 1;
  double steps_per_epoch_ = 0, least_loss_ = std::nan("");
  std::int64_t number_of_samples_ = 0, sample_every_ = 1;
  std::optional<Sample> latest_;  ///< unless it is kept
  std::int64_t without_step_ = 0, fallen_ = 0, left_out_ = 0;
};

}  // namespace

RunLog read_run_log(const std::string& path, const RunLogOptions& options) {
  LogReader reader(options);
  const LogLines met = for_each_log_line(path, [&](const LogEntry& line) { reader.take(line); });
  return reader.finish(met);
}

double number_in(const io::JsonDocument& object, const char* key) {
  if (!object || !object->is_object()) return std::nan("");
  const auto found = object->find(key);
  return found != object->end() && found->is_number() ? found->get<double>() : std::nan("");
}

}  // namespace unroll::report
