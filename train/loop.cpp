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

constexpr std::int64_t most_steps = 1'000'000'000'000'000'000;  // plus one is still a number

/// What the log tells beside the loss; checkpoints of earlier versions have none of it.
void read_norms(const io::JsonValue& state, StepsSinceLog& since) {
  if (!state.contains("norms_since_log")) return;
  const io::JsonValue norms = state.at("norms_since_log");
  since.gradient_norm = mean_from(norms.at("mean"));
  since.largest_norm = norms.at("largest").number(0);
  since.clipped = norms.at("clipped").integer<std::int64_t>(0, most_steps);
  since.skipped = norms.at("skipped").integer<std::int64_t>(0, most_steps);
}

}  // namespace

nlohmann::ordered_json LoopState::to_json() const {
  return {{"step", step},
          {"seconds", seconds},
          {"best", best ? nlohmann::ordered_json(*best) : nlohmann::ordered_json()},
          {"best_step", best_step},
          {"stalled", stalled},
          {"since_log", unroll::to_json(since_log.loss)},
          {"norms_since_log",
           {{"mean", unroll::to_json(since_log.gradient_norm)},
            {"largest", since_log.largest_norm},
            {"clipped", since_log.clipped},
            {"skipped", since_log.skipped}}},
          {"since_evaluation", unroll::to_json(since_evaluation)}};
}

LoopState LoopState::from_json(const nlohmann::ordered_json& json, std::string_view name) {
  const io::JsonValue state(json, fmt::format("{}: loop", name));
  const auto count = [&](const char* key) { return state.at(key).integer<std::int64_t>(0, most_steps); };
  const io::JsonValue best = state.at("best");
  LoopState result{.step = count("step"),
                   .seconds = state.at("seconds").number(0),
                   .best = best.is_null() ? std::nullopt : std::optional(best.number()),
                   .best_step = count("best_step"),
                   .stalled = count("stalled"),
                   .since_log = {.loss = mean_from(state.at("since_log")), .gradient_norm = {}},
                   .since_evaluation = mean_from(state.at("since_evaluation"))};
  read_norms(state, result.since_log);
  return result;
}

void lead(Peers* peers, SharedAction action, std::int64_t epoch, std::int64_t index) {
  if (!peers) return;
  std::array<std::int64_t, 3> message{static_cast<std::int64_t>(action), epoch, index};
  peers->broadcast(std::as_writable_bytes(std::span(message)), 0);
}

void follow_loop(TrainingTask& task, Peers& peers, const std::function<bool()>& stop,
                 const std::string& checkpoint) {
  long steps = 0;
  bool saved = false;
  while (true) {
    std::array<std::int64_t, 3> message{};
    peers.broadcast(std::as_writable_bytes(std::span(message)), 0);
    switch (static_cast<SharedAction>(message[0])) {
      case SharedAction::step:
        task.train_step(message[1], message[2]);
        peers.progress(++steps, saved ? checkpoint : "none");
        break;
      case SharedAction::evaluate: {
        auto averaged = task.averaged();
        const auto valid = task.evaluate();
        averaged.reset();
        if (valid) task.observe(*valid);
        break;
      }
      case SharedAction::ask_to_stop:
        peers.any(stop());
        break;
      case SharedAction::save:
        task.help_save();
        saved = true;
        break;
      case SharedAction::end:
        return;
    }
  }
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
      plan_.patience < 0 || !(plan_.time_limit >= 0) || !(plan_.save_seconds >= 0))
    raise<UsageError>(
        "training loop: need at least one step, one epoch and one step between log lines, and no negative "
        "count or time; got {} steps in {} epochs, log {}, evaluation {}, patience {}, time limit {}, "
        "checkpoints "
        "every {} s",
        plan_.steps_per_epoch, plan_.epochs, plan_.log_every, plan_.evaluate_every, plan_.patience,
        plan_.time_limit, plan_.save_seconds);
  if (plan_.patience > 0 && plan_.keep_last)
    raise<UsageError>(
        "training loop: patience {}: validation does not choose the model to keep, and cannot end the run",
        plan_.patience);
  if (state_.step < 0)
    raise<UsageError>("training loop: need a state after 0 or more steps; got {}", state_.step);
  if (plan_.epochs > std::numeric_limits<std::int64_t>::max() / plan_.steps_per_epoch)
    raise<UsageError>("training loop: {} epochs of {} steps are too many to count", plan_.epochs,
                      plan_.steps_per_epoch);
}

LoopEnd TrainingLoop::run(const std::function<bool()>& stop) {
  begin_ = saved_at_ = now();
  while (state_.step < total()) {
    if (out_of_patience()) return LoopEnd::out_of_patience;
    step();
    const bool late = plan_.time_limit > 0 && now() - begin_ >= plan_.time_limit;
    if (evaluation_due() || late) evaluate();
    const bool stopping = stopped(stop());
    if (stopping || now() - saved_at_ >= plan_.save_seconds) save(false);
    if (state_.step == total()) break;
    if (stopping) return LoopEnd::stopped;
    if (late) return LoopEnd::out_of_time;
  }
  return LoopEnd::complete;
}

bool TrainingLoop::stopped(bool mine) const {
  lead(plan_.peers, SharedAction::ask_to_stop);
  return plan_.peers ? plan_.peers->any(mine) : mine;
}

bool TrainingLoop::evaluation_due() const {
  const auto every = plan_.evaluate_every > 0 ? plan_.evaluate_every : plan_.steps_per_epoch;
  return state_.step % every == 0 || state_.step == total();
}

double TrainingLoop::epochs_done() const {
  return static_cast<double>(state_.step) / static_cast<double>(plan_.steps_per_epoch);
}

void TrainingLoop::step() {
  const double before = now();
  const std::int64_t epoch = state_.step / plan_.steps_per_epoch, index = state_.step % plan_.steps_per_epoch;
  lead(plan_.peers, SharedAction::step, epoch, index);
  const StepResult result = task_.train_step(epoch, index);
  const double spent = now() - before;
  ++state_.step;
  state_.seconds += spent;
  if (plan_.peers)
    plan_.peers->progress(static_cast<long>(state_.step), saved_step_ > 0 ? plan_.checkpoint : "none");
  take(result, spent);
  show(result);
  if (state_.step % plan_.log_every == 0) write_steps();
}

void TrainingLoop::take(const StepResult& result, double spent) {
  const auto symbols = static_cast<double>(result.symbols);
  StepsSinceLog& since = state_.since_log;
  if (result.skipped) {
    ++since.skipped;
  } else {
    since.loss.add(result.loss, symbols);
    state_.since_evaluation.add(result.loss, symbols);
    since.gradient_norm.add(result.gradient_norm, 1);
    since.largest_norm = std::max(since.largest_norm, result.gradient_norm);
    since.clipped += result.clipped ? 1 : 0;
  }
  learning_rate_ = result.learning_rate;
  const StepSeconds& s = result.seconds;
  seconds_.forward += s.forward, seconds_.backward += s.backward, seconds_.update += s.update;
  data_seconds_ += std::max(0.0, spent - s.forward - s.backward - s.update);
  rate_.add(symbols, spent);
}

void TrainingLoop::show(const StepResult& result) {
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
}

void TrainingLoop::write_steps() {
  const StepsSinceLog since = std::exchange(state_.since_log, {});
  const double made = since.gradient_norm.weight;
  LogLine line{{"step", state_.step},
               {"epoch", epochs_done()},
               {"loss", since.loss.value()},
               {"learning_rate", learning_rate_},
               {"gradient_norm", since.gradient_norm.value()},
               {"gradient_norm_max", since.largest_norm},
               {"clipped", made > 0 ? static_cast<double>(since.clipped) / made : 0}};
  if (since.skipped > 0) line.add("skipped", since.skipped);
  line.add({{plan_.unit + "s_per_second", rate_.per_second()},
            {"seconds", state_.seconds},
            {"data_seconds", std::exchange(data_seconds_, 0)},
            {"forward_seconds", seconds_.forward},
            {"backward_seconds", seconds_.backward},
            {"update_seconds", seconds_.update}});
  seconds_ = {};
  log_.write(line);
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

TrainingLoop::Measured TrainingLoop::measure() {
  const double before = now();
  lead(plan_.peers, SharedAction::evaluate);
  const auto averaged = task_.averaged();
  Measured m{.valid = task_.evaluate(), .averaged = averaged != nullptr};
  m.seconds = now() - before;
  if (m.valid) m.remark = task_.remark(*m.valid);
  m.example = task_.example();
  return m;
}

void TrainingLoop::evaluate() {
  const Measured m = measure();
  const bool chosen = m.valid && !plan_.keep_last;
  const bool best = chosen && is_best(*m.valid);
  const double train = std::exchange(state_.since_evaluation, {}).value();

  std::string line = fmt::format("epoch {:.2f}  step {}  train {:.4f}", epochs_done(), state_.step, train);
  LogLine entry{{"step", state_.step}, {"epoch", epochs_done()}, {"train_loss", train}};
  if (m.valid) {
    line += fmt::format("  valid {:.4f}", m.valid->loss);
    entry.add("valid_loss", m.valid->loss);
    for (const auto& [name, value] : m.valid->figures) {
      line += fmt::format("  {} {:.4f}", name, value);
      entry.add(name, value);
    }
    if (m.averaged) entry.add("averaged", true);
  }
  if (chosen) {
    line += best ? "  new best" : fmt::format("  stalled {} (best {:.4f})", state_.stalled, *state_.best);
    entry.add({{"best", best}, {"stalled", state_.stalled}});
  }
  entry.add(
      {{"learning_rate", learning_rate_}, {"seconds", state_.seconds}, {"evaluation_seconds", m.seconds}});
  if (!m.remark.empty()) entry.add("note", m.remark);
  if (!m.example.empty()) entry.add("example", m.example);
  for (const auto& text : {line, m.remark, m.example})
    if (!text.empty()) progress_.print(text);
  log_.write(entry);
  if (m.valid) task_.observe(*m.valid);
  save(best || !m.valid || plan_.keep_last);
}

void TrainingLoop::save(bool best) {
  if (saved_step_ == state_.step && !best) return;
  log_.sync();
  lead(plan_.peers, SharedAction::save);
  task_.save(state_, best);
  saved_step_ = state_.step;
  saved_at_ = now();
}

}  // namespace unroll
