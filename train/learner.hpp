#pragma once
/// \file What a training step does with a loss: gradient, clipping, learning rate, update, averages of the weights.

#include <functional>
#include <memory>
#include <optional>

#include "unroll/io/tensor_file.hpp"
#include "unroll/optim/optimizer.hpp"
#include "unroll/optim/schedule.hpp"
#include "unroll/optim/step_guard.hpp"
#include "unroll/optim/weight_average.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/shards.hpp"

namespace unroll {

/// How a model learns.
struct LearningOptions {
  std::string optimizer = "adam";           ///< a rule by its name, see optimizer_names()
  double lr = 2e-3;                         ///< the learning rate that the schedule multiplies
  std::optional<double> weight_decay = {};  ///< none: the rule's own
  double clip = 5;                          ///< largest norm of the gradient of all parameters; 0: no limit
  std::string schedule = "constant";        ///< constant, cosine, one-cycle or plateau, see LearningRate
  std::int64_t warmup =
      -1;  ///< updates in which the rate rises to its height; −1: 1 in 50 with cosine, else none
  double lr_decay = 1;                ///< factor on the rate after each epoch
  std::int64_t plateau_patience = 2;  ///< with plateau: evaluations without improvement that are let pass
  double plateau_factor = 0.5;        ///< with plateau: on the rate, after the next one
  double ema =
      0;  ///< evaluate and keep a mean of the weights that forgets by this factor at each update; 0: none
  std::int64_t average_after =
      0;  ///< NT-ASGD: evaluate and keep the mean of all weights from when the loss is above
          ///< the least of all but the last so many evaluations; 0: never
  double skip_above =
      0;  ///< leave an update out whose gradient has a larger norm, or is not finite, and give up after
          ///< ten in a row; 0: a gradient that is not finite is an error at once

  /// Errors: UsageError naming the option that is out of range, or two that exclude each other.
  void check_options() const;
};

/// The names that LearningOptions::schedule may have.
const std::vector<std::string>& schedule_names();

/// The length of a run, and where it stands.
struct LearningPlan {
  std::int64_t steps_per_epoch = 1;  ///< updates in an epoch
  std::int64_t epochs = 1;           ///< in all
  std::int64_t step = 0;             ///< updates done
};

/// The factor on the learning rate before the plateau's: a function of the step.
/// What:   warm-up · schedule · lr_decay^epoch; constant: 1; cosine: from 1 to 0 over all epochs, half a cosine;
///         one-cycle: up for three tenths of all steps, then down, see one_cycle(); plateau: 1.
/// Errors: as LearningOptions::check_options.
Schedule learning_rate_schedule(const LearningOptions& options, const LearningPlan& plan);

/// The loss of a shard of a batch.
template <class T>
struct ShardLoss {
  Variable<T> mean;    ///< over its symbols; empty: it has none
  double symbols = 0;  ///< that it is a mean of
};

/// Updates a model by the gradients of losses, as LearningOptions say.
///
///     Learner learner(options, parameters(model));
///     learner.begin({.steps_per_epoch = 100, .epochs = 10});
///     …  learner.update(loss, symbols, [&] { return the_same_loss(); });
///
/// Thread rule: belongs to one thread at a time, with its parameters.
template <class T = float>
class Learner {
 public:
  using value_type = T;

  /// Errors: UsageError as LearningOptions::check_options, for a rule that does not exist and for parameters that are
  ///         none.
  Learner(const LearningOptions& options, std::vector<Variable<T>> parameters);
  /// With an optimiser of your own, whose learning rates are set at each update; of the options, `optimizer` and
  /// `weight_decay` are not used.
  /// Errors: UsageError.
  Learner(const LearningOptions& options, std::unique_ptr<Optimizer<T>> optimizer);
  /// For parameters(model) and the like.
  template <ParameterList R>
  Learner(const LearningOptions& options, const R& parameters)
      : Learner(options, detail::variables_of_type<T>(parameters)) {}
  /// The moved one must not be used.
  Learner(Learner&&) = default;
  Learner& operator=(Learner&&) = default;  ///< The same
  virtual ~Learner() = default;

  /// Tells how long the run is; the schedules depend on it. To be called before the first update, and when a run goes
  /// on.
  void begin(const LearningPlan& plan);

  /// One update by the gradient of `loss`, a mean over `symbols`. `again` computes that loss once more, with the same
  /// random numbers, to find out where a number that is not finite came from.
  /// Errors: Error with the first cause if loss or gradient is not finite, and such updates are not left out; nothing
  ///         is updated then.
  StepResult update(const Variable<T>& loss, std::int64_t symbols,
                    const std::function<Variable<T>()>& again = {});

  /// One update by the gradient of the mean over the symbols of all shards, of which loss_of(s) gives those of shard s.
  /// The result has the same bits in any number of processes, if loss_of(s) has: it is to use one thread.
  /// Errors: as update; UsageError if no shard has a symbol; as Peers.
  StepResult update(const Shards& shards, const std::function<ShardLoss<T>(int shard)>& loss_of,
                    const std::function<Variable<T>()>& again = {});

  /// Errors: Error with the first cause if a validation loss, or a parameter after `step` updates, is not finite.
  void check_valid(double loss, const std::function<void()>& again = {}) const;
  void check_parameters(std::int64_t step) const;  ///< The same

  /// As long as what is returned lives, the parameters hold their averages; null where there are none yet.
  std::shared_ptr<void> averaged();
  /// Takes a validation loss: plateau and the begin of averaging depend on it.
  void observe(double loss);

  /// From now on each update has this rate, whatever the options say, and loss and gradient may be anything: to find a
  /// rate with.
  void probe(double rate) { probed_ = rate; }

  /// Adds all that learning depends on: "optimizer.…" and, where options use them, "average.…", "plateau.…",
  /// "trigger.…", "guard.…".
  void save(io::TensorFile& to) const;
  /// Errors: DataError that begins with the file's name.
  void load(const io::TensorFile& from);

  /// The learning rate of the next update.
  double learning_rate() const;
  /// As given.
  const LearningOptions& options() const { return options_; }
  /// What updates the weights.
  Optimizer<T>& optimizer() { return *optimizer_; }
  /// The same, to look at.
  const Optimizer<T>& optimizer() const { return *optimizer_; }
  /// The averages of the weights; null: none.
  const WeightAverage<T>* average() const { return average_ ? &*average_ : nullptr; }

 protected:
  /// What to do against divergence, as the message ends.
  virtual std::string remedy() const;

 private:
  /// Ends a run in which `what` is not finite; `again` does it once more, to find out why.
  [[noreturn]] void fail_diverged(const std::string& what, const std::function<void()>& again) const;
  /// Whether the update may be made.
  bool allows(double loss, double norm, const std::function<Variable<T>()>& again);
  void make(StepResult& result);
  /// The update by the gradients that the parameters hold; `loss` is the mean over result.symbols.
  void finish(StepResult& result, double begin, const std::function<Variable<T>()>& again);
  /// The gradient of one shard's sum of losses.
  ShardPart<T> part_of(const ShardLoss<T>& loss) const;
  /// Gives the parameters the gradient of the mean.
  void take_gradients(const ShardPart<T>& sum);

  LearningOptions options_;
  std::unique_ptr<Optimizer<T>> optimizer_;
  Schedule schedule_;
  std::uint64_t step_ = 0;
  std::optional<double> probed_;
  std::optional<ReduceOnPlateau<T>> plateau_;
  double plateau_factor_ = 1;
  std::optional<NonMonotonicTrigger> trigger_;
  std::optional<WeightAverage<T>> average_;
  std::optional<StepGuard> guard_;
};
template <ParameterList R>
Learner(const LearningOptions&, const R&) -> Learner<detail::parameter_type<R>>;

extern template class Learner<float>;
extern template class Learner<double>;

}  // namespace unroll
