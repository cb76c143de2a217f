#pragma once
/// \file A model in training: what is the same for all of them, as the loop and a run's folder see it.

#include <concepts>
#include <functional>

#include "unroll/detail/train/clock.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/train/learner.hpp"
#include "unroll/train/log_line.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/run_folder.hpp"
#include "unroll/train/state_dict.hpp"

namespace unroll {

/// What train_model() asks a task beside what the loop asks.
class RunTask : public TrainingTask {
 public:
  /// Updates in an epoch.
  virtual std::int64_t steps_per_epoch() const = 0;
  /// What a step is counted in, as `char`.
  virtual std::string unit() const { return "example"; }
  /// The figure of evaluate() by which the best model is chosen, the larger; empty: the loss.
  virtual std::string best_by() const { return {}; }
  /// The latest model is kept as the best: validation measures and does not choose.
  virtual bool keep_last() const { return false; }
  /// What the log's first line holds beside the options: what was found out about data and model.
  virtual LogLine facts() const { return {}; }
  /// Is told the folder, how long the run is and where it stands, before the first step.
  virtual void begin(const RunFolder& folder, const LearningPlan& plan) = 0;
  /// Takes a checkpoint back that save() has written; returns where the run stood.
  /// Errors: DataError that begins with the file's name.
  virtual LoopState load(const std::string& file) = 0;
  /// Gives the model the weights of a checkpoint, averaged ones where it has them.
  /// Errors: DataError that begins with the file's name.
  virtual void restore(const std::string& file) = 0;
};

/// Takes the weights of a model from a checkpoint's tensors: averaged ones where it has them.
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <Module M>
void load_trained(M& model, const io::TensorFile& from) {
  load_state(model, from, {.prefix = "model"});
  if (!from.contains("average.updates")) return;
  WeightAverage average(parameters(model), {.decay = 0});
  load_state(average, from);
  if (average.updates() == 0) return;
  for (std::size_t k = 0; k < average.averages().size(); ++k) {
    auto p = average.parameters()[k];
    std::copy_n(average.averages()[k].data(), p.size(), p.mutable_data());
  }
}

namespace detail {
/// A task's checkpoint: where the run stands, and tensors.
void save_task(const std::string& file, const LoopState& state, io::TensorFile tensors);
std::pair<LoopState, io::TensorFile> load_task(const std::string& file);
}  // namespace detail

/// The same from the best model of a run that train_model() made: a folder, or a checkpoint.
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <Module M>
void load_trained(M& model, const std::string& run) {
  load_trained(model, detail::load_task(find_checkpoint(run)).second);
}

/// A model with its Learner, as a task. Derive from it, and say what an epoch, a step and an evaluation are:
///
///     struct Task : ModelTask<Model> {
///       Task() : ModelTask(Model(), {.lr = 1e-3, .schedule = "cosine"}) {}
///       std::int64_t steps_per_epoch() const override { return 100; }
///       StepResult train_step(std::int64_t epoch, std::int64_t index) override {
///         const Batch batch = batch_of(epoch, index);
///         return learn(batch.size(), [&](const Model& m) { return m.loss(batch); });
///       }
///       std::optional<Evaluation> evaluate() override { … }
///     };
///
/// Checkpoints hold the model's parameters, buffers, counters and random keys, and all that the Learner keeps; what
/// else training depends on goes into save_more() and load_more(), unless it is a function of epoch and index.
template <class M,
          class LearnerType = Learner<detail::parameter_type<decltype(parameters(std::declval<M&>()))>>,
          std::derived_from<RunTask> Base = RunTask>
class ModelTask : public Base {
 public:
  /// The model.
  using Model = M;
  /// The number type of its parameters.
  using value_type = typename LearnerType::value_type;

  /// Learns as `options` say: LearningOptions, or what the Learner is made from.
  /// Errors: UsageError for options out of range.
  template <class Options = LearningOptions>
  explicit ModelTask(M model, const Options& options = {})
      : model_(std::move(model)), learner_(options, variables(parameters(model_))) {}

  /// The model as it is being trained.
  const M& model() const { return model_; }
  /// What updates it.
  const LearnerType& learner() const { return learner_; }
  /// The same, to be used.
  LearnerType& learner() { return learner_; }

  void begin(const RunFolder& folder, const LearningPlan& plan) override {
    folder_ = folder;
    learner_.begin(plan);
  }
  std::shared_ptr<void> averaged() override { return learner_.averaged(); }
  void observe(const Evaluation& valid) override { learner_.observe(valid.loss); }

  /// Writes the checkpoints of the folder.
  /// Errors: Error if a parameter is not finite; DataError if a file cannot be written.
  void save(const LoopState& state, bool best) override {
    // The last update may have spoilt what the loss before it did not show.
    learner_.check_parameters(state.step);
    io::TensorFile tensors("checkpoint");
    save_tensors(tensors);
    if (best) detail::save_task(folder_.best(), state, tensors);
    detail::save_task(folder_.last(), state, std::move(tensors));
  }
  LoopState load(const std::string& file) override {
    auto [state, tensors] = detail::load_task(file);
    load_tensors(tensors);
    return state;
  }
  void restore(const std::string& file) override { load_trained(model_, file); }

 protected:
  /// One update by the gradient of `loss_of(model)`, a mean over `symbols`.
  /// Errors: Error with the first cause if loss or gradient is not finite; nothing is updated then.
  template <class LossOf>
  StepResult learn(std::int64_t symbols, const LossOf& loss_of) {
    const M before = model_;  // shares the parameters; its masks are those of this step
    const detail::Clock clock;
    const Variable<value_type> loss = loss_of(model_);
    const double forward = clock.seconds();
    StepResult result = learner_.update(loss, symbols, [&] { return Variable<value_type>(loss_of(before)); });
    result.seconds.forward = forward;
    return result;
  }

  /// The same of a batch that is cut into shards: `loss_of(model, shard)` is the ShardLoss of one. Each shard draws its
  /// own random numbers, wherever it is computed.
  /// Errors: also UsageError for more processes than shards; as Peers.
  template <class LossOf>
  StepResult learn(const Shards& shards, const LossOf& loss_of) {
    const M before = model_;
    const auto of = [&](int shard) {
      M model = before;  // shares the parameters
      detail::take_keys_of_shard(detail::members(model), shard);
      return loss_of(static_cast<const M&>(model), shard);
    };
    const int first = static_cast<int>(shards.own().first);
    StepResult result = learner_.update(shards, of, [&] { return Variable<value_type>(of(first).mean); });
    detail::advance_keys(detail::members(model_));
    return result;
  }

  /// Adds what training depends on beside model and Learner.
  virtual void save_more(io::TensorFile&) const {}
  /// Takes it back.
  virtual void load_more(const io::TensorFile&) {}

  /// Adds all that a checkpoint holds.
  void save_tensors(io::TensorFile& to) const {
    save_state(model_, to, {.prefix = "model"});
    learner_.save(to);
    save_more(to);
  }
  /// Takes it back.
  /// Errors: DataError that begins with the file's name.
  void load_tensors(const io::TensorFile& from) {
    load_state(model_, from, {.prefix = "model"});
    learner_.load(from);
    load_more(from);
  }

  M model_;              ///< in training
  LearnerType learner_;  ///< of its parameters

 private:
  RunFolder folder_{""};
};

}  // namespace unroll
