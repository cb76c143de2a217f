#include "common/learner.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/optim/clip.hpp"

namespace unroll::program {
namespace {

bool all_finite(const Variable<float>& v) {
  const auto values = v.value();
  return std::all_of(values.begin(), values.end(), [](float x) { return std::isfinite(x); });
}

/// A parameter that is not finite, or else the op that is the first to make something that is not when
/// `again` does once more what went wrong.
std::string first_cause(const std::vector<Variable<float>>& parameters, const std::function<void()>& again) {
  for (const auto& p : parameters)
    if (!all_finite(p)) return fmt::format("the parameter {} is not finite", p.name());
  try {
    const AnomalyMode anomaly(true);
    again();
  } catch (const Error& error) {
    return error.what();
  }
  return "no op: each gradient is finite, and only their norm is not";
}

}  // namespace

Learner::Learner(const RunOptions& options, std::vector<Variable<float>> parameters)
    : parameters_(std::move(parameters)),
      optimizer_(make_optimizer(options.optimizer, options.lr, parameters_)),
      folder_(options.out),
      lr_(options.lr),
      lr_decay_(options.lr_decay),
      clip_(options.clip > 0 ? options.clip : HUGE_VAL) {}

StepResult Learner::update(const Variable<float>& loss, std::int64_t symbols, std::int64_t epoch,
                           const std::function<Variable<float>()>& again, double lr_factor) {
  loss.backward();
  const double norm = clip_grad_norm(parameters_, clip_);
  const StepResult result{loss.item(), norm, symbols};
  if (!std::isfinite(result.loss) || !std::isfinite(norm))
    fail_diverged(
        fmt::format("loss {}, gradient norm {}", std::abs(result.loss), std::abs(norm)),  // no "-nan"
        [&] { again().backward(); });
  optimizer_->set_lr(lr_ * std::pow(lr_decay_, static_cast<double>(epoch)) * lr_factor);
  optimizer_->step();
  optimizer_->zero_grad();
  return result;
}

void Learner::check_valid(double loss, const std::function<void()>& again) const {
  if (!std::isfinite(loss)) fail_diverged(fmt::format("validation loss {}", std::abs(loss)), again);
}

void Learner::check_parameters(std::int64_t step) const {
  if (!std::all_of(parameters_.begin(), parameters_.end(), all_finite))
    fail_diverged(fmt::format("after step {}", step), [] {});
}

void Learner::fail_diverged(const std::string& what, const std::function<void()>& again) const {
  const auto kept = folder_.holds_run() ? fmt::format("the last good checkpoint is {}", folder_.last())
                                        : std::string("there is no checkpoint yet");
  const auto remedy = std::isfinite(clip_) ? fmt::format("or a smaller --clip than {:g}", clip_)
                                           : std::string("or a limit for gradients, such as --clip 1");
  raise<Error>("training has diverged: {}\n  first cause: {}\n  {}\n  remedy: a smaller --lr than {:g}, {}",
               what, first_cause(parameters_, again), kept, lr_, remedy);
}

}  // namespace unroll::program
