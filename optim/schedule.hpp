#pragma once
/// \file Schedules of the learning rate.

#include <functional>

#include "unroll/optim/optimizer.hpp"

namespace unroll {

/// A factor on the learning rate as a function of the number of steps done, from 0. Being a function, it has
/// no state: a resumed run only needs its step. Products are schedules: `linear_warmup(100) * cosine(5000)`.
class Schedule {
 public:
  /// A schedule of your own: the factor after so many steps.
  explicit Schedule(std::function<double(std::uint64_t)> factor) : factor_(std::move(factor)) {}
  /// The factor after `step` steps.
  double operator()(std::uint64_t step) const { return factor_(step); }

 private:
  std::function<double(std::uint64_t)> factor_;
};
/// The product of the two factors.
Schedule operator*(Schedule a, Schedule b);
/// `first` for `steps` steps, then `second`, counted from there.
Schedule sequence(Schedule first, std::uint64_t steps, Schedule second);

/// γ^⌊t / every⌋.
/// Errors: UsageError for every = 0 or γ negative or not finite.
Schedule step_decay(std::uint64_t every, double gamma = 0.1);
/// γᵗ.
/// Errors: UsageError for γ negative or not finite.
Schedule exponential_decay(double gamma);
/// k / (k + exp(t / k)): close to 1 at first, a half after k ln k steps, then ever less.
/// Errors: UsageError unless k ≥ 1.
/// Source: Bengio et al. 2015, for scheduled sampling.
Schedule inverse_sigmoid_decay(double k);

struct CosineOptions {
  double minimum = 0;        ///< the last factor
  bool restarts = false;     ///< begin again after every period; else stay at the minimum
  double period_factor = 1;  ///< with restarts: each period is that much longer than the one before
};
/// What:   minimum + (1 − minimum) (1 + cos(π t / period)) / 2.
/// Errors: UsageError for period = 0, a minimum outside [0, 1] or a period_factor below 1.
/// Source: Loshchilov and Hutter 2017.
Schedule cosine(std::uint64_t period, const CosineOptions& options = {});

/// min(1, (t + 1) / steps): the first update gets 1 / steps, update number `steps` and those after it 1.
/// Errors: UsageError for steps = 0.
Schedule linear_warmup(std::uint64_t steps);
/// start + (1 − start) min(1, t / steps): the first update gets `start`, and learns nothing if that is 0.
/// Errors: UsageError for steps = 0 or a start outside [0, 1].
Schedule linear_warmup(std::uint64_t steps, double start);

/// How one_cycle rises and falls.
struct OneCycleOptions {
  double rise = 0.3;             ///< the share of all steps in which the factor rises
  double start_divisor = 25;     ///< the first factor is 1 / start_divisor
  double final_divisor = 10000;  ///< the last one is 1 / (start_divisor final_divisor)
};
/// What:   from 1 / start_divisor up to 1 at the step rise · steps − 1, and down to the last factor at steps − 1, where it
///         stays; both ways as half a cosine.
/// Errors: UsageError for steps = 0, a rise outside (0, 1) or a divisor below 1.
/// Source: Smith and Topin 2018; PyTorch's OneCycleLR, but for its momentum.
Schedule one_cycle(std::uint64_t steps, const OneCycleOptions& options = {});

/// Sets an optimiser's learning rates, Optimizer::base_lr times the schedule's factor; to be called after every
/// step (or epoch: whatever it counts). The rate of a group that is added later is its rate at that time: where
/// the factor is then f > 0, it counts as base rate times f. What else sets rates is overwritten.
/// Lifetime: the optimiser outlives it.
template <class T>
class Scheduler {
 public:
  struct State {
    std::uint64_t step = 0;    ///< steps done
    std::vector<double> base;  ///< learning rates of the groups at factor 1
  };
  /// Sets the rates of step 0.
  Scheduler(Optimizer<T>& optimizer, Schedule schedule);
  /// Sets the rates of the next step.
  void step();
  /// What a checkpoint has to keep.
  State state() const;
  /// Errors: UsageError for another number of groups.
  void load_state(const State& state);

 private:
  void apply();
  std::vector<double> base_rates() const;
  Optimizer<T>* optimizer_;
  Schedule schedule_;
  State state_;
};

struct PlateauOptions {
  double factor = 0.1;          ///< on the rates
  std::uint64_t patience = 10;  ///< observations without improvement that are let pass
  double threshold = 1e-4;      ///< an improvement is below best − threshold · |best|
  std::uint64_t cooldown = 0;   ///< observations after a reduction that do not count
  double minimum = 0;           ///< learning rate
};

/// Multiplies the learning rates by a factor when a loss no longer falls.
/// Source: PyTorch's ReduceLROnPlateau in mode min, threshold relative; unlike there, negative losses may improve
///         and stall, too.
/// Lifetime: the optimiser outlives it.
template <class T>
class ReduceOnPlateau {
 public:
  struct State {
    double best;                              ///< lowest loss so far
    std::uint64_t stalled = 0, cooldown = 0;  ///< observations
  };
  /// Errors: UsageError for a factor or threshold outside [0, 1), or a minimum negative or not finite.
  explicit ReduceOnPlateau(Optimizer<T>& optimizer, const PlateauOptions& options = {});
  /// Takes a loss; NaN is no improvement. Returns whether the rates were reduced.
  bool observe(double loss);
  const State& state() const { return state_; }
  /// Errors: UsageError where `best` is NaN.
  void load_state(const State& state);

 private:
  Optimizer<T>* optimizer_;
  PlateauOptions options_;
  State state_;
};

extern template class Scheduler<float>;
extern template class Scheduler<double>;
extern template class ReduceOnPlateau<float>;
extern template class ReduceOnPlateau<double>;

}  // namespace unroll
