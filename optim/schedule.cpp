#include "unroll/optim/schedule.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

namespace unroll {
namespace {

void check_positive(const char* schedule, const char* what, std::uint64_t n) {
  if (n == 0) raise<UsageError>("{}: {} must be at least 1; got 0", schedule, what);
}

void check_fraction(const char* schedule, const char* what, double x) {
  if (!(x >= 0 && x <= 1)) raise<UsageError>("{}: {} must be in [0, 1]; got {}", schedule, what, x);
}

}  // namespace

Schedule operator*(Schedule a, Schedule b) {
  return Schedule([a = std::move(a), b = std::move(b)](std::uint64_t t) { return a(t) * b(t); });
}

Schedule sequence(Schedule first, std::uint64_t steps, Schedule second) {
  return Schedule([first = std::move(first), second = std::move(second), steps](std::uint64_t t) {
    return t < steps ? first(t) : second(t - steps);
  });
}

Schedule step_decay(std::uint64_t every, double gamma) {
  check_positive("step_decay", "every", every);
  detail::check_option("step_decay", "gamma", gamma);
  return Schedule([=](std::uint64_t t) { return std::pow(gamma, static_cast<double>(t / every)); });
}

Schedule exponential_decay(double gamma) {
  detail::check_option("exponential_decay", "gamma", gamma);
  return Schedule([=](std::uint64_t t) { return std::pow(gamma, static_cast<double>(t)); });
}

Schedule inverse_sigmoid_decay(double k) {
  if (!(k >= 1) || !std::isfinite(k))
    raise<UsageError>("inverse_sigmoid_decay: k must be finite and at least 1; got {}", k);
  return Schedule([=](std::uint64_t t) { return k / (k + std::exp(static_cast<double>(t) / k)); });
}

Schedule cosine(std::uint64_t period, const CosineOptions& options) {
  check_positive("cosine", "period", period);
  check_fraction("cosine", "minimum", options.minimum);
  if (!(options.period_factor >= 1) || !std::isfinite(options.period_factor)) {
    raise<UsageError>("cosine: period_factor must be finite and at least 1; got {}", options.period_factor);
  }
  return Schedule([=](std::uint64_t step) {
    double t = static_cast<double>(step), length = static_cast<double>(period);
    if (!options.restarts) {
      t = std::min(t, length);
    } else if (options.period_factor == 1) {
      t = std::fmod(t, length);
    } else {
      for (; t >= length; length *= options.period_factor) t -= length;
    }
    const double wave = (1 + std::cos(std::numbers::pi * t / length)) / 2;
    return options.minimum + (1 - options.minimum) * wave;
  });
}

Schedule linear_warmup(std::uint64_t steps) {
  check_positive("linear_warmup", "steps", steps);
  return Schedule([=](std::uint64_t t) {
    return t < steps ? static_cast<double>(t + 1) / static_cast<double>(steps) : 1.0;
  });
}

Schedule linear_warmup(std::uint64_t steps, double start) {
  check_positive("linear_warmup", "steps", steps);
  check_fraction("linear_warmup", "start", start);
  return Schedule([=](std::uint64_t t) {
    return start + (1 - start) * std::min(1.0, static_cast<double>(t) / static_cast<double>(steps));
  });
}

Schedule one_cycle(std::uint64_t steps, const OneCycleOptions& o) {
  check_positive("one_cycle", "steps", steps);
  if (!(o.rise > 0 && o.rise < 1 && o.start_divisor >= 1 && o.final_divisor >= 1))
    raise<UsageError>("one_cycle: need a rise between 0 and 1 and divisors of at least 1; got {}, {} and {}",
                      o.rise, o.start_divisor, o.final_divisor);
  const double first = 1 / o.start_divisor, last = first / o.final_divisor;
  const double top = std::max(0.0, o.rise * static_cast<double>(steps) - 1),
               end = static_cast<double>(steps) - 1;
  return Schedule([=](std::uint64_t t) {
    const auto between = [](double a, double b, double share) {
      return b + (a - b) * (1 + std::cos(std::numbers::pi * share)) / 2;
    };
    const double now = static_cast<double>(t);
    if (now < top) return between(first, 1, now / top);
    return now < end ? between(1, last, (now - top) / (end - top)) : last;
  });
}

template <class T>
Scheduler<T>::Scheduler(Optimizer<T>& optimizer, Schedule schedule)
    : optimizer_(&optimizer), schedule_(std::move(schedule)) {
  state_.base = optimizer.base_rates_;
  apply();
}

template <class T>
void Scheduler<T>::apply() {
  std::vector<double> rates = state_.base;
  for (double& lr : rates) {
    lr *= schedule_(state_.step);
    detail::check_option("scheduler", "the scaled rate", lr);
  }
  optimizer_->learning_rates_ = std::move(rates);
}

/// Those of groups added since the last step() follow from the rates that they have now.
template <class T>
std::vector<double> Scheduler<T>::base_rates() const {
  std::vector<double> base = state_.base;
  const double factor = schedule_(state_.step);
  while (base.size() < optimizer_->groups()) {
    const double lr = optimizer_->lr(base.size()), scaled = lr / factor;
    base.push_back(std::isfinite(scaled) ? scaled : lr);
  }
  return base;
}

template <class T>
typename Scheduler<T>::State Scheduler<T>::state() const {
  return {state_.step, base_rates()};
}

template <class T>
void Scheduler<T>::step() {
  state_.base = base_rates();
  ++state_.step;
  apply();
}

template <class T>
void Scheduler<T>::load_state(const State& state) {
  if (state.base.size() != optimizer_->groups()) {
    raise<UsageError>("scheduler: the state has {} groups; the optimiser has {}", state.base.size(),
                      optimizer_->groups());
  }
  for (const double lr : state.base) detail::check_option("scheduler", "base", lr);
  state_ = state;
  apply();
}

template <class T>
ReduceOnPlateau<T>::ReduceOnPlateau(Optimizer<T>& optimizer, const PlateauOptions& options)
    : optimizer_(&optimizer), options_(options), state_{std::numeric_limits<double>::infinity()} {
  detail::check_option("reduce_on_plateau", "factor", options.factor, 0, 1);
  detail::check_option("reduce_on_plateau", "threshold", options.threshold, 0, 1);
  detail::check_option("reduce_on_plateau", "minimum", options.minimum);
}

template <class T>
void ReduceOnPlateau<T>::load_state(const State& state) {
  if (std::isnan(state.best)) raise<UsageError>("reduce_on_plateau: the state's best loss is NaN");
  state_ = state;
}

template <class T>
bool ReduceOnPlateau<T>::observe(double loss) {
  const double margin = std::isfinite(state_.best) ? options_.threshold * std::abs(state_.best) : 0;
  if (loss < state_.best - margin) {
    state_.best = loss;
    state_.stalled = 0;
  } else {
    ++state_.stalled;
  }
  if (state_.cooldown > 0) {
    --state_.cooldown;
    state_.stalled = 0;
  }
  if (state_.stalled <= options_.patience) return false;
  state_.cooldown = options_.cooldown;
  state_.stalled = 0;
  for (std::size_t group = 0; group < optimizer_->groups(); ++group) {
    const double lr = optimizer_->lr(group);
    optimizer_->set_lr(std::min(lr, std::max(lr * options_.factor, options_.minimum)), group);
  }
  return true;
}

UNROLL_COMPILE_TYPES(class Scheduler, class ReduceOnPlateau)

}  // namespace unroll
