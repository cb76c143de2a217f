#include "unroll/train/loop.hpp"

#include <algorithm>
#include <chrono>
#include <limits>
#include <nlohmann/json.hpp>

#include "unroll/autograd/error.hpp"
#include "unroll/io/json.hpp"

namespace unroll {
namespace {

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

nlohmann::ordered_json to_json(const WeightedMean& mean) { return {mean.sum, mean.weight}; }
WeightedMean mean_from(const io::JsonValue& value) {
  const auto numbers = value.numbers();
  if (numbers.size() != 2) value.refuse("two numbers");
  return {numbers[0], numbers[1]};
}

}  // namespace

nlohmann::ordered_json LoopState::to_json() const {
  return {{"step", step},
          {"seconds", seconds},
          {"best", best ? nlohmann::ordered_json(*best) : nlohmann::ordered_json()},
          {"best_step", best_step},
          {"stalled", stalled},
          {"since_log", unroll::to_json(since_log)},
          {"since_evaluation", unroll::to_json(since_evaluation)}};
}

LoopState LoopState::from_json(const nlohmann::ordered_json& json, std::string_view name) {
  constexpr std::int64_t most = 1'000'000'000'000'000'000;  // plus one is still a number
  const io::JsonValue state(json, fmt::format("{}: loop", name));
  const auto count = [&](const char* key) { return state.at(key).integer<std::int64_t>(0, most); };
  const io::JsonValue best = state.at("best");
  return {.step = count("step"),
          .seconds = state.at("seconds").number(0),
          .best = best.is_null() ? std::nullopt : std::optional(best.number()),
          .best_step = count("best_step"),
          .stalled = count("stalled"),
          .since_log = mean_from(state.at("since_log")),
          .since_evaluation = mean_from(state.at("since_evaluation"))};
}

TrainingLoop::TrainingLoop(LoopPlan plan, LoopState state, TrainingTask& task, Progress& progress,
                           MetricsLog& log)
    : plan_(std::move(plan)),
      state_(std::move(state)),
      task_(task),
      progress_(progress),
      log_(log),
      first_step_(state_.step),
      saved_step_(state_.step) {
  if (plan_.steps_per_epoch < 1 || plan_.epochs < 1 || plan_.log_every < 1 || plan_.evaluate_every < 0 ||
      !(plan_.time_limit >= 0) || !(plan_.save_seconds >= 0))
    raise<UsageError>(
        "training loop: need at least one step, one epoch and one step between log lines, and no negative "
        "count or time; got {} steps in {} epochs, log {}, evaluation {}, time limit {}, checkpoints every "
        "{} s",
        plan_.steps_per_epoch, plan_.epochs, plan_.log_every, plan_.evaluate_every, plan_.time_limit,
        plan_.save_seconds);
  if (state_.step < 0)
    raise<UsageError>("training loop: need a state after 0 or more steps; got {}", state_.step);
  if (plan_.epochs > std::numeric_limits<std::int64_t>::max() / plan_.steps_per_epoch)
    raise<UsageError>("training loop: {} epochs of {} steps are too many to count", plan_.epochs,
                      plan_.steps_per_epoch);
}

LoopEnd TrainingLoop::run(const std::function<bool()>& stop) {
  begin_ = saved_at_ = now();
  while (state_.step < total()) {
    step();
    const bool late = plan_.time_limit > 0 && now() - begin_ >= plan_.time_limit;
    if (evaluation_due() || late) evaluate();
    const bool stopping = stop();
    if (stopping || now() - saved_at_ >= plan_.save_seconds) save(false);
    if (state_.step == total()) break;
    if (stopping) return LoopEnd::stopped;
    if (late) return LoopEnd::out_of_time;
  }
  return LoopEnd::complete;
}

bool TrainingLoop::evaluation_due() const {
  const auto every = plan_.evaluate_every > 0 ? plan_.evaluate_every : plan_.steps_per_epoch;
  return state_.step % every == 0 || state_.step == total();
}

void TrainingLoop::step() {
  const double before = now();
  const StepResult result =
      task_.train_step(state_.step / plan_.steps_per_epoch, state_.step % plan_.steps_per_epoch);
  const double spent = now() - before;
  ++state_.step;
  state_.seconds += spent;
  const auto symbols = static_cast<double>(result.symbols);
  state_.since_log.add(result.loss, symbols);
  state_.since_evaluation.add(result.loss, symbols);
  rate_.add(symbols, spent);
  report(result);
}

void TrainingLoop::report(const StepResult& result) {
  const auto epoch = (state_.step - 1) / plan_.steps_per_epoch;
  const auto in_epoch = state_.step - epoch * plan_.steps_per_epoch;
  const double elapsed = now() - begin_;
  const double per_step = elapsed / static_cast<double>(state_.step - first_step_);
  double left = per_step * static_cast<double>(total() - state_.step);
  if (plan_.time_limit > 0) left = std::min(left, std::max(0.0, plan_.time_limit - elapsed));
  progress_.update({.epoch = epoch + 1,
                    .epochs = plan_.epochs,
                    .epoch_part = static_cast<double>(in_epoch) / static_cast<double>(plan_.steps_per_epoch),
                    .loss = result.loss,
                    .gradient_norm = result.gradient_norm,
                    .per_second = rate_.per_second(),
                    .seconds_left = left,
                    .unit = plan_.unit},
                   now());
  if (state_.step % plan_.log_every != 0) return;
  log_.write({{"step", state_.step},
              {"epoch", epoch + 1},
              {"loss", state_.since_log.value()},
              {"gradient_norm", result.gradient_norm},
              {plan_.unit + "s_per_second", rate_.per_second()},
              {"seconds", state_.seconds}});
  state_.since_log = {};
}

bool TrainingLoop::is_best(const Evaluation& valid) {
  double value = valid.loss;
  if (!plan_.best_by.empty()) {
    const auto named = [&](const auto& figure) { return figure.first == plan_.best_by; };
    const auto found = std::find_if(valid.figures.begin(), valid.figures.end(), named);
    if (found == valid.figures.end())
      raise<UsageError>(
          "training loop: the best model is that with the largest {}, which no evaluation tells",
          plan_.best_by);
    value = found->second;
  }
  const bool best = !state_.best || (plan_.best_by.empty() ? value < *state_.best : value > *state_.best);
  if (best) state_.best = value, state_.best_step = state_.step;
  state_.stalled = best ? 0 : state_.stalled + 1;
  return best;
}

void TrainingLoop::evaluate() {
  const auto valid = task_.evaluate();
  const double train = state_.since_evaluation.value();
  state_.since_evaluation = {};
  const bool best = valid && !plan_.keep_last && is_best(*valid);

  const auto epochs = static_cast<double>(state_.step) / static_cast<double>(plan_.steps_per_epoch);
  std::string line = fmt::format("epoch {:.2f}  step {}  train {:.4f}", epochs, state_.step, train);
  nlohmann::ordered_json entry{{"step", state_.step}, {"epoch", epochs}, {"train_loss", train}};
  if (valid) {
    line += fmt::format("  valid {:.4f}", valid->loss);
    entry["valid_loss"] = valid->loss;
    for (const auto& [name, value] : valid->figures) {
      line += fmt::format("  {} {:.4f}", name, value);
      entry[name] = value;
    }
  }
  if (valid && !plan_.keep_last) {
    line += best ? "  new best" : fmt::format("  stalled {} (best {:.4f})", state_.stalled, *state_.best);
    entry.update({{"best", best}, {"stalled", state_.stalled}});
  }
  entry["seconds"] = state_.seconds;
  progress_.print(line);
  if (const auto remark = valid ? task_.remark(*valid) : std::string(); !remark.empty())
    progress_.print(remark);
  if (const auto example = task_.example(); !example.empty()) progress_.print(example);
  log_.write(entry);
  save(best || !valid || plan_.keep_last);
}

void TrainingLoop::save(bool best) {
  if (saved_step_ == state_.step && !best) return;
  log_.sync();
  task_.save(state_, best);
  saved_step_ = state_.step;
  saved_at_ = now();
}

}  // namespace unroll
