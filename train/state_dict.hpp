#pragma once
/// \file Modules, optimisers, schedules and generators to and from named tensors.

#include <string>
#include <vector>

#include "unroll/io/tensor_file.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/optim/optimizer.hpp"
#include "unroll/optim/schedule.hpp"
#include "unroll/optim/step_guard.hpp"
#include "unroll/optim/weight_average.hpp"

namespace unroll {

struct StateOptions {
  std::string prefix = {};       ///< put before every name, with a dot
  bool parameters_only = false;  ///< weights alone (and buffers): without counters and random keys
  bool tied_names = false;       ///< when saving: a tied parameter under each of its names, as PyTorch has it
  bool strict = true;            ///< when loading: names that are missing or unexpected are an error
};

/// The names in which a model and a file differ.
struct StateMismatch {
  std::vector<std::string> missing;     ///< in the model only
  std::vector<std::string> unexpected;  ///< in the file only
};

namespace detail {
template <class T>
void save_members(const Members<T>& members, io::TensorFile& to, const StateOptions& options);
template <class T>
StateMismatch load_members(const Members<T>& members, const io::TensorFile& from,
                           const StateOptions& options);
}  // namespace detail

/// Adds a module's parameters (tied ones once, or under all names), buffers, counters and random keys to
/// `to`, under the names of parameters(). Training mode is not part of it.
/// Errors: UsageError if a name is taken.
template <Module M>
void save_state(const M& module, io::TensorFile& to, const StateOptions& options = {}) {
  detail::save_members(detail::members(module), to, options);
}

/// Copies values from `from` into a module, converting between floating-point types. A tied parameter may
/// stand there under any of its names, or several with equal values. With a prefix, what is outside is left
/// alone. Where strict is off, what is missing keeps its value; returns what was missing and unexpected.
/// Errors: DataError that begins with the file's name and lists names that are missing, names that are
///         unexpected, shapes that differ, and which recurrent cell they look like where it is another;
///         nothing is changed then.
template <Module M>
StateMismatch load_state(M& module, const io::TensorFile& from, const StateOptions& options = {}) {
  return detail::load_members(detail::members(module), from, options);
}

/// Adds what an optimiser has learned: "PREFIX.0.exp_avg" and so on, "PREFIX.0.step", "PREFIX.lr".
template <class T>
void save_state(const Optimizer<T>& optimizer, io::TensorFile& to, const std::string& prefix = "optimizer");
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <class T>
void load_state(Optimizer<T>& optimizer, const io::TensorFile& from, const std::string& prefix = "optimizer");

/// Adds how far a schedule has come: "PREFIX.step" and "PREFIX.base", the learning rates at factor 1. The
/// schedule itself is a function, which the program gives again.
template <class T>
void save_state(const Scheduler<T>& scheduler, io::TensorFile& to, const std::string& prefix = "scheduler");
/// Sets the optimiser's learning rates, too.
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <class T>
void load_state(Scheduler<T>& scheduler, const io::TensorFile& from, const std::string& prefix = "scheduler");

/// Adds "PREFIX.best", "PREFIX.stalled" and "PREFIX.cooldown"; the rates are in the optimiser's own state.
template <class T>
void save_state(const ReduceOnPlateau<T>& plateau, io::TensorFile& to, const std::string& prefix = "plateau");
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <class T>
void load_state(ReduceOnPlateau<T>& plateau, const io::TensorFile& from,
                const std::string& prefix = "plateau");

/// Adds the averages, "PREFIX.0" and so on in the order of the parameters, and "PREFIX.updates", how many they hold.
/// Errors: UsageError while they are in use.
template <class T>
void save_state(const WeightAverage<T>& average, io::TensorFile& to, const std::string& prefix = "average");
/// Errors: DataError that begins with the file's name; nothing is changed then.
template <class T>
void load_state(WeightAverage<T>& average, const io::TensorFile& from, const std::string& prefix = "average");

/// Adds "PREFIX.losses" and "PREFIX.triggered".
void save_state(const NonMonotonicTrigger& trigger, io::TensorFile& to,
                const std::string& prefix = "trigger");
/// Errors: DataError that begins with the file's name; nothing is changed then.
void load_state(NonMonotonicTrigger& trigger, const io::TensorFile& from,
                const std::string& prefix = "trigger");

/// Adds "PREFIX.skipped" and "PREFIX.in_a_row".
void save_state(const StepGuard& guard, io::TensorFile& to, const std::string& prefix = "guard");
/// Errors: DataError that begins with the file's name; nothing is changed then.
void load_state(StepGuard& guard, const io::TensorFile& from, const std::string& prefix = "guard");

/// Adds a generator's place in its stream: "NAME", its seed and position.
void save_state(const Generator& generator, io::TensorFile& to, const std::string& name = "generator");
/// Errors: DataError that begins with the file's name; nothing is changed then.
void load_state(Generator& generator, const io::TensorFile& from, const std::string& name = "generator");

}  // namespace unroll
