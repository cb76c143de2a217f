#include "unroll/train/learner.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/optim/clip.hpp"
#include "unroll/optim/rules.hpp"
#include "unroll/train/state_dict.hpp"

namespace unroll {
namespace {

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

template <class T>
bool all_finite(const Variable<T>& v) {
  const auto values = v.value();
  return std::all_of(values.begin(), values.end(), [](T x) { return std::isfinite(x); });
}

/// A parameter that is not finite, or else the op that is the first to make something that is not when
/// `again` does once more what went wrong.
template <class T>
std::string first_cause(const std::vector<Variable<T>>& parameters, const std::function<void()>& again) {
  for (const auto& p : parameters)
    if (!all_finite(p)) return fmt::format("the parameter {} is not finite", p.name());
  if (!again) return "unknown";
  try {
    const AnomalyMode anomaly(true);
    again();
  } catch (const Error& error) {
    return error.what();
  }
  return "no op: each gradient is finite, and only their norm is not";
}

void check_share(const char* name, double value, double high) {
  if (!(value >= 0 && value <= high))
    raise<UsageError>("learning options: {} must be in [0, {}]; got {}", name, high, value);
}

const LearningOptions& checked(const LearningOptions& options) {
  options.check_options();
  return options;
}

}  // namespace

const std::vector<std::string>& schedule_names() {
  static const std::vector<std::string> names{"constant", "cosine", "one-cycle", "plateau"};
  return names;
}

void LearningOptions::check_options() const {
  if (std::ranges::count(schedule_names(), schedule) == 0)
    raise<UsageError>("learning options: there is no schedule '{}'; there are {}", schedule,
                      fmt::join(schedule_names(), ", "));
  for (const auto& [name, value] : {std::pair{"lr", lr}, {"clip", clip}, {"skip_above", skip_above}})
    check_share(name, value, std::numeric_limits<double>::max());
  check_share("lr_decay", lr_decay, 1);
  check_share("ema", ema, 1 - 1e-9);
  check_share("plateau_factor", plateau_factor, 1 - 1e-9);
  if (warmup < -1 || average_after < 0 || plateau_patience < 0)
    raise<UsageError>(
        "learning options: a count is negative: warmup {}, average_after {}, plateau_patience {}", warmup,
        average_after, plateau_patience);
  if (ema > 0 && average_after > 0)
    raise<UsageError>(
        "learning options: ema {} and average_after {} are two averages of the weights; take one", ema,
        average_after);
  if (schedule == "one-cycle" && warmup > 0)
    raise<UsageError>("learning options: one-cycle rises by itself; leave warmup out (got {})", warmup);
}

Schedule learning_rate_schedule(const LearningOptions& options, const LearningPlan& plan) {
  options.check_options();
  const auto per_epoch = static_cast<std::uint64_t>(std::max<std::int64_t>(1, plan.steps_per_epoch));
  const auto steps = static_cast<std::uint64_t>(std::max<std::int64_t>(1, plan.epochs)) * per_epoch;
  Schedule all([=, decay = options.lr_decay](std::uint64_t step) {
    return std::pow(decay, static_cast<double>(step / per_epoch));
  });
  if (options.schedule == "cosine") all = all * cosine(steps);
  if (options.schedule == "one-cycle") all = all * one_cycle(steps);
  const auto warmup = options.warmup >= 0            ? static_cast<std::uint64_t>(options.warmup)
                      : options.schedule == "cosine" ? 1 + steps / 50
                                                     : 0;
  return warmup > 0 ? linear_warmup(warmup) * all : all;
}

template <class T>
Learner<T>::Learner(const LearningOptions& options, std::vector<Variable<T>> parameters)
    : Learner(options,
              make_optimizer(checked(options).optimizer, parameters, options.lr, options.weight_decay)) {}

template <class T>
Learner<T>::Learner(const LearningOptions& options, std::unique_ptr<Optimizer<T>> optimizer)
    : options_(checked(options)),
      optimizer_(std::move(optimizer)),
      schedule_(learning_rate_schedule(options, {})) {
  if (!optimizer_) raise<UsageError>("learner: the optimiser is null");
  if (options.schedule == "plateau")
    plateau_.emplace(*optimizer_,
                     PlateauOptions{.factor = options.plateau_factor,
                                    .patience = static_cast<std::uint64_t>(options.plateau_patience)});
  if (options.average_after > 0) trigger_.emplace(static_cast<std::uint64_t>(options.average_after));
  if (options.ema > 0 || trigger_)
    average_.emplace(optimizer_->parameters(), WeightAverageOptions{.decay = trigger_ ? 1 : options.ema});
  if (options.skip_above > 0) guard_.emplace(StepGuardOptions{.max_norm = options.skip_above});
}

template <class T>
void Learner<T>::begin(const LearningPlan& plan) {
  schedule_ = learning_rate_schedule(options_, plan);
  step_ = static_cast<std::uint64_t>(plan.step);
}

template <class T>
double Learner<T>::learning_rate() const {
  return probed_.value_or(options_.lr * schedule_(step_) * plateau_factor_);
}

template <class T>
bool Learner<T>::allows(double loss, double norm, const std::function<Variable<T>()>& again) {
  if (probed_) return std::isfinite(loss) && std::isfinite(norm);
  if (guard_) return guard_->allows(std::isfinite(loss) ? norm : HUGE_VAL);
  if (std::isfinite(loss) && std::isfinite(norm)) return true;
  fail_diverged(fmt::format("loss {}, gradient norm {}", std::abs(loss), std::abs(norm)),  // no "-nan"
                again ? [&] { again().backward(); } : std::function<void()>());
}

template <class T>
void Learner<T>::make(StepResult& result) {
  optimizer_->set_lr(result.learning_rate);
  optimizer_->step();
  if (average_ && (!trigger_ || trigger_->triggered())) average_->update();
}

template <class T>
StepResult Learner<T>::update(const Variable<T>& loss, std::int64_t symbols,
                              const std::function<Variable<T>()>& again) {
  const double begin = seconds_now();
  loss.backward();
  StepResult result{.loss = double{loss.item()}, .gradient_norm = 0, .symbols = symbols};
  finish(result, begin, again);
  return result;
}

template <class T>
StepResult Learner<T>::update(const Shards& shards, const std::function<ShardLoss<T>(int)>& loss_of,
                              const std::function<Variable<T>()>& again) {
  const double begin = seconds_now();
  const ShardPart<T> sum = shards.sum<T>([&](int shard) { return part_of(loss_of(shard)); });
  if (sum.counts[1] == 0) raise<UsageError>("learner: none of {} shards has a symbol", shards.count());
  take_gradients(sum);
  StepResult result{.loss = sum.counts[0] / sum.counts[1],
                    .gradient_norm = 0,
                    .symbols = static_cast<std::int64_t>(sum.counts[1])};
  finish(result, begin, again);
  return result;
}

template <class T>
void Learner<T>::finish(StepResult& result, double begin, const std::function<Variable<T>()>& again) {
  const double limit = options_.clip > 0 ? options_.clip : HUGE_VAL;
  result.gradient_norm = clip_grad_norm(optimizer_->parameters(), limit);
  const double middle = seconds_now();
  result.learning_rate = learning_rate();
  result.clipped = result.gradient_norm > limit;
  result.skipped = !allows(result.loss, result.gradient_norm, again);
  if (!result.skipped) make(result);
  optimizer_->zero_grad();
  ++step_;
  result.seconds = {.backward = middle - begin, .update = seconds_now() - middle};
}

// Values: the gradients of all parameters, one after another. Counts: the sum of losses, the symbols, and for each
// parameter in how many shards it has a gradient.
template <class T>
ShardPart<T> Learner<T>::part_of(const ShardLoss<T>& loss) const {
  const auto& parameters = optimizer_->parameters();
  ShardPart<T> part{{}, std::vector<double>(2 + parameters.size(), 0.0)};
  std::size_t size = 0;
  for (const Variable<T>& p : parameters) size += static_cast<std::size_t>(p.size());
  part.values.assign(size, T{0});
  if (!loss.mean || loss.symbols == 0) return part;
  part.counts[0] = double{loss.mean.item()} * loss.symbols;
  part.counts[1] = loss.symbols;
  Variable<T>(loss.mean * static_cast<T>(loss.symbols)).backward();
  T* to = part.values.data();
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const auto gradient = detail::stored_gradient("learner", parameters[k]);
    std::ranges::copy(gradient, to);
    part.counts[2 + k] = gradient.empty() ? 0 : 1;
    to += parameters[k].size();
  }
  optimizer_->zero_grad();
  return part;
}

template <class T>
void Learner<T>::take_gradients(const ShardPart<T>& sum) {
  const auto& parameters = optimizer_->parameters();
  const double symbols = sum.counts[1];
  std::vector<T> mean(sum.values.size());
  std::ranges::transform(sum.values, mean.begin(),
                         [&](T g) { return static_cast<T>(static_cast<double>(g) / symbols); });
  const T* from = mean.data();
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const index_t size = parameters[k].size();
    if (sum.counts[2 + k] > 0) detail::write_gradient(*parameters[k].tensor(), from, size, size);
    from += size;
  }
}

template <class T>
void Learner<T>::check_valid(double loss, const std::function<void()>& again) const {
  if (!std::isfinite(loss)) fail_diverged(fmt::format("validation loss {}", std::abs(loss)), again);
}

template <class T>
void Learner<T>::check_parameters(std::int64_t step) const {
  if (!std::ranges::all_of(optimizer_->parameters(), all_finite<T>))
    fail_diverged(fmt::format("after step {}", step), [] {});
}

template <class T>
std::shared_ptr<void> Learner<T>::averaged() {
  if (!average_ || average_->updates() == 0) return {};
  return std::make_shared<typename WeightAverage<T>::Use>(average_->use());
}

template <class T>
void Learner<T>::observe(double loss) {
  if (plateau_ && plateau_->observe(loss)) plateau_factor_ *= options_.plateau_factor;
  if (trigger_ && !trigger_->triggered() && trigger_->observe(loss)) average_->restart();
}

template <class T>
void Learner<T>::save(io::TensorFile& to) const {
  save_state(*optimizer_, to, "optimizer");
  if (average_) save_state(*average_, to);
  if (trigger_) save_state(*trigger_, to);
  if (guard_) save_state(*guard_, to);
  if (!plateau_) return;
  save_state(*plateau_, to);
  to.add("plateau_factor", {}, std::span<const double>(&plateau_factor_, 1));
}

template <class T>
void Learner<T>::load(const io::TensorFile& from) {
  load_state(*optimizer_, from, "optimizer");
  if (average_) load_state(*average_, from);
  if (trigger_) load_state(*trigger_, from);
  if (guard_) load_state(*guard_, from);
  if (!plateau_) return;
  load_state(*plateau_, from);
  const auto factor = from.get<double>("plateau_factor");
  if (factor.size() != 1 || !(factor[0] >= 0 && factor[0] <= 1))
    raise<DataError>("{}: plateau_factor: need a number in [0, 1]", from.source());
  plateau_factor_ = factor[0];
}

template <class T>
std::string Learner<T>::remedy() const {
  const auto limit = options_.clip > 0
                         ? fmt::format("a smaller limit for gradients (clip) than {:g}", options_.clip)
                         : std::string("a limit for gradients, such as clip = 1");
  return fmt::format("remedy: a smaller learning rate than {:g}, or {}", options_.lr, limit);
}

template <class T>
void Learner<T>::fail_diverged(const std::string& what, const std::function<void()>& again) const {
  raise<Error>("training has diverged: {}\n  first cause: {}\n  {}", what,
               first_cause(optimizer_->parameters(), again), remedy());
}

template class Learner<float>;
template class Learner<double>;

}  // namespace unroll
