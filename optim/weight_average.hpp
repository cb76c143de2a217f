#pragma once
/// \file Averages of the weights over the steps of training, and when to begin with them.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "unroll/optim/parameter_list.hpp"

namespace unroll {

struct WeightAverageOptions {
  double decay =
      0.999;  ///< d, how slowly the average forgets; 1: it forgets nothing, and all updates count alike
  bool bias_correction =
      true;  ///< else the average begins with the weights at the start, which is forgotten at the rate d
  /// Errors: UsageError for a decay outside [0, 1], and for 1 without bias correction, which would never move.
  void check_options() const;
};

/// What a checkpoint has to keep of a WeightAverage.
template <class T>
struct WeightAverageState {
  std::vector<Variable<T>> arrays;  ///< the averages, in the order of the parameters
  std::uint64_t updates = 0;        ///< that they hold
};

/// An average of the weights, to be evaluated and saved in place of the last ones.
/// What:   after update number t, m = m + r (θ − m), r = 1 − d, m = θ at first; with bias correction
///         r = (1 − d) / (1 − dᵗ), so that m = Σ d^(t − k) θₖ / Σ d^(t − k), which is θ₁ at first; with d = 1, r = 1 / t, the mean of
///         all θₖ.
///
///     WeightAverage average(parameters(model));
///     …  optimizer.step();  average.update();
///     {
///       const auto in_use = average.use();  // the model has the averages until the end of the scope
///       loss = evaluate(model);
///     }
///
/// A tied parameter counts once, by the list. It does not see parameters that are replaced later.
/// Errors: UsageError for options out of range, and as an optimiser for parameters that are none.
/// Cost:   one pass over the weights, and memory for them once more.
/// Source: Polyak and Juditsky 1992 (d = 1); the correction as in Kingma and Ba 2015.
/// Thread rule: belongs to one thread at a time, with its parameters.
template <class T = float>
class WeightAverage {
 public:
  using value_type = T;

  /// Over these parameters, from their values now.
  explicit WeightAverage(std::vector<Variable<T>> parameters, const WeightAverageOptions& options = {});
  /// The same for parameters(model) and the like.
  template <ParameterList R>
  explicit WeightAverage(const R& parameters, const WeightAverageOptions& options = {})
      : WeightAverage(detail::variables_of_type<T>(parameters), options) {}
  /// Refuses a module.
  template <detail::NotAList M>
  explicit WeightAverage(const M&, const WeightAverageOptions& = {}) {
    detail::refuse_module<M>();
  }

  /// Takes in the weights as they are now; to be called after each step.
  /// Errors: UsageError while the averages are in use.
  void update();
  /// Begins anew, from the weights as they are now.
  /// Errors: UsageError while the averages are in use.
  void restart();

  /// As long as it lives, the parameters hold the averages; then they get back what they held, to the bit.
  class Use {
   public:
    /// Gives the parameters back.
    ~Use() {
      if (of_) of_->swap();
    }
    /// The moved one gives nothing back.
    Use(Use&& other) noexcept : of_(std::exchange(other.of_, nullptr)) {}
    Use& operator=(Use&&) = delete;  ///< Not to be assigned

   private:
    friend class WeightAverage;
    explicit Use(WeightAverage& of) : of_(&of) { of.swap(); }
    WeightAverage* of_;
  };
  /// Puts the averages into the parameters. Before the first update these are the weights at the start.
  /// Lifetime: the average outlives what it returns, and must not be moved before.
  /// Errors: UsageError while they are in use.
  [[nodiscard]] Use use();

  /// The averages, in the order of the parameters.
  const std::vector<Variable<T>>& averages() const { return averages_; }
  /// The parameters.
  const std::vector<Variable<T>>& parameters() const { return parameters_; }
  /// The number of updates that the averages hold.
  std::uint64_t updates() const { return updates_; }
  /// As given.
  const WeightAverageOptions& options() const { return options_; }

  /// Lifetime: the arrays share the memory of the averages: the next update() changes them.
  /// Errors: UsageError while the averages are in use.
  WeightAverageState<T> state() const;
  /// Copies a state in.
  /// Errors: UsageError for another number of arrays, an empty one or another shape, naming the parameter, and while
  ///         the averages are in use; nothing is changed then.
  void load_state(const WeightAverageState<T>& state);

 private:
  void check_not_in_use(const char* what) const;
  void swap();

  std::vector<Variable<T>> parameters_, averages_;
  WeightAverageOptions options_;
  std::uint64_t updates_ = 0;
  bool in_use_ = false;
};
template <ParameterList R>
WeightAverage(const R&, const WeightAverageOptions& = {}) -> WeightAverage<detail::parameter_type<R>>;
template <detail::NotAList M>
WeightAverage(const M&, const WeightAverageOptions& = {}) -> WeightAverage<float>;

/// Tells when a loss has stopped to improve: then averaging begins, as in NT-ASGD.
/// What:   true once a loss is above the least of all but the last n before it, and from then on:
///
///     Sgd sgd(parameters(model), {.lr = 30});
///     WeightAverage mean(parameters(model), {.decay = 1});
///     …  sgd.step();
///     if (trigger.triggered()) mean.update();
///     …  trigger.observe(validation_loss);   // after each epoch, with the averages once there are some
///
/// Source: Merity, Keskar, Socher 2018, "Regularizing and optimizing LSTM language models", algorithm 1.
class NonMonotonicTrigger {
 public:
  /// What a checkpoint has to keep.
  struct State {
    std::vector<double> losses;  ///< all that were observed before the trigger
    bool triggered = false;      ///< whether it has
  };
  /// n, the number of last losses that are not compared with.
  /// Errors: UsageError for n = 0.
  explicit NonMonotonicTrigger(std::uint64_t interval = 5);
  /// Takes a loss; NaN counts as infinite. Returns triggered().
  bool observe(double loss);
  /// Whether averaging has to begin, or has begun.
  bool triggered() const { return state_.triggered; }
  const State& state() const { return state_; }
  /// Goes on from a saved state.
  /// Errors: UsageError where a loss is NaN.
  void load_state(const State& state);

 private:
  std::uint64_t interval_;
  State state_;
};

extern template class WeightAverage<float>;
extern template class WeightAverage<double>;

}  // namespace unroll
