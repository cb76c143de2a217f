#pragma once
/// \file What all update rules share: parameters in groups, the step over them, state for checkpoints.

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/optim/parameter_list.hpp"

namespace unroll {

template <class T>
class Scheduler;

/// Everything an optimiser has learned, under PyTorch's names: "0.exp_avg" and step 0 belong to the first
/// parameter. A parameter that never had a gradient has no entry.
template <class T>
struct OptimizerState {
  std::map<std::string, Variable<T>> arrays;   ///< by number and name
  std::map<std::size_t, std::uint64_t> steps;  ///< updates of each parameter
  std::vector<double> learning_rates;          ///< one for each group
};

/// An update rule with its parameters. Rules derive from it; each has options of its own for every group.
///
/// Gradients: those that are not finite reach the weights and the state. Rules that divide by a mean of squares
/// also lose a weight whose squared gradient overflows T, from about 1e19 in float (1e154 in double): the mean
/// stays infinite, and the weight at rest. clip_grad_norm or clip_grad_value before step() prevents it.
///
/// Thread rule: belongs to one thread at a time, with its parameters.
/// Cost: one pass over each parameter; memory for the state is taken at a parameter's first update.
template <class T>
class Optimizer {
 public:
  using value_type = T;
  Optimizer() = default;
  /// The moved one has no parameters.
  Optimizer(Optimizer&&) = default;
  Optimizer& operator=(Optimizer&&) = default;  ///< The same
  virtual ~Optimizer() = default;

  /// Updates every parameter that has a gradient and is not frozen.
  void step();
  /// Forgets the gradients of all parameters.
  void zero_grad();

  /// The parameters of all groups, in the order in which they were given.
  const std::vector<Variable<T>>& parameters() const { return parameters_; }
  /// The number of groups.
  std::size_t groups() const { return learning_rates_.size(); }
  /// Errors: IndexError for a group that does not exist; UsageError for a rate that is negative or not
  ///         finite.
  double lr(std::size_t group = 0) const;
  /// Sets the learning rate of a group.
  void set_lr(double lr, std::size_t group);
  void set_lr(double lr);  ///< of all groups
  /// The rate of a group as its options or set_lr gave it: the one that a Scheduler multiplies. Neither a
  /// Scheduler nor load_state changes it.
  /// Errors: IndexError.
  double base_lr(std::size_t group = 0) const;

  /// How many numbers the rule keeps for each weight of a group.
  /// Errors: IndexError.
  int numbers_per_weight(std::size_t group = 0) const;

  /// Lifetime: the arrays share the optimiser's memory: the next step() changes them.
  OptimizerState<T> state() const;
  /// Copies a state in.
  /// Errors: UsageError naming rule and parameter where it belongs to other parameters, groups or options;
  ///         nothing is changed then.
  void load_state(const OptimizerState<T>& state);

 protected:
  static constexpr std::size_t max_arrays = 3;             ///< That a rule keeps for a parameter
  using ArrayNames = std::array<const char*, max_arrays>;  ///< null where an array is not used
  /// One parameter during step(): n weights, their gradients, the rule's arrays, and updates made so far
  /// with this one counted.
  struct Update {
    std::size_t group;                 ///< the parameter's group
    double lr;                         ///< of the group, now
    index_t n;                         ///< the number of weights
    T* weight;                         ///< to be changed
    const T* grad;                     ///< of the weights
    std::array<T*, max_arrays> array;  ///< each of n, zeros at first
    std::uint64_t step;                ///< from 1
    Shape shape;                       ///< of the weights
  };

  /// Updates one parameter.
  virtual void update(const Update& u) = 0;
  /// The name of the rule, in files and messages.
  virtual const char* rule() const = 0;
  /// The names of the arrays that the rule keeps for a parameter.
  virtual ArrayNames array_names(std::size_t group) const = 0;

  /// Adds a group, once its parameters are found to be such.
  void add_parameters(const char* rule, std::vector<Variable<T>> parameters, double lr);

 private:
  struct Slot {
    std::size_t group;
    std::uint64_t step = 0;
    std::array<Variable<T>, max_arrays> arrays;
  };
  void check_state(const OptimizerState<T>& state) const;
  std::string check_array(const OptimizerState<T>& state, std::size_t k, const char* name) const;
  void check_group(std::size_t group) const;
  friend class Scheduler<T>;

  std::vector<Variable<T>> parameters_;
  std::vector<Slot> slots_;             // one for each parameter
  std::vector<double> learning_rates_;  // of the groups, now
  std::vector<double> base_rates_;      // of the groups, without a Scheduler's factor
};

/// A rule with options of type Options, which has `lr` and `check_options()`, and `check_parameter(shape, name)` where
/// the rule does not take every parameter.
template <class T, class Options>
class OptimizerRule : public Optimizer<T> {
 public:
  /// Errors: UsageError for options out of range and for parameters that are none: an empty list, an empty
  ///         Variable, the result of an op, one listed twice.
  explicit OptimizerRule(std::vector<Variable<T>> parameters, const Options& options = {}) {
    add_group(std::move(parameters), options);
  }
  /// For parameters(model) and the like.
  template <ParameterList R>
  explicit OptimizerRule(const R& parameters, const Options& options = {})
      : OptimizerRule(detail::variables_of_type<T>(parameters), options) {}

  /// Refuses a module.
  template <detail::NotAList M>
  explicit OptimizerRule(const M&, const Options& = {}) {
    detail::refuse_module<M>();
  }

  /// Adds parameters with options of their own.
  /// Errors: as the constructor.
  void add_group(std::vector<Variable<T>> parameters, const Options& options = {}) {
    options.check_options();
    if constexpr (requires { options.check_parameter(Shape{}, std::string{}); })
      for (const Variable<T>& p : parameters)
        if (p) options.check_parameter(p.shape(), detail::describe(p));
    options_.reserve(options_.size() + 1);
    this->add_parameters(Options::rule, std::move(parameters), options.lr);
    options_.push_back(options);
  }
  /// The same for parameters(model) and the like.
  template <ParameterList R>
  void add_group(const R& parameters, const Options& options = {}) {
    add_group(detail::variables_of_type<T>(parameters), options);
  }
  /// Refuses a module.
  template <detail::NotAList M>
  void add_group(const M&, const Options& = {}) {
    detail::refuse_module<M>();
  }
  /// As given: lr is the one to begin with.
  const Options& options(std::size_t group = 0) const { return options_.at(group); }

 protected:
  const char* rule() const final { return Options::rule; }

 private:
  std::vector<Options> options_;
};

namespace detail {
/// UsageError unless low ≤ value < high.
void check_option(const char* rule, const char* option, double value, double low, double high);
/// UsageError unless value is finite and at least 0.
void check_option(const char* rule, const char* option, double value);
}  // namespace detail

extern template class Optimizer<float>;
extern template class Optimizer<double>;

}  // namespace unroll
