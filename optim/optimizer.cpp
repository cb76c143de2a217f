#include "unroll/optim/optimizer.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>
#include <set>

namespace unroll {
namespace detail {

void check_option(const char* rule, const char* option, double value, double low, double high) {
  if (value >= low && value < high) return;
  raise<UsageError>("{}: {} must be in [{}, {}); got {}", rule, option, low, high, value);
}

void check_option(const char* rule, const char* option, double value) {
  if (value >= 0 && std::isfinite(value)) return;
  raise<UsageError>("{}: {} must be finite and at least 0; got {}", rule, option, value);
}

}  // namespace detail

template <class T>
void Optimizer<T>::add_parameters(const char* rule, std::vector<Variable<T>> parameters, double lr) {
  if (parameters.empty()) raise<UsageError>("{}: the list of parameters is empty", rule);
  for (std::size_t k = 0; k < parameters.size(); ++k) {
    const Variable<T>& p = parameters[k];
    detail::stored_gradient(rule, p);
    const auto same = [&](const Variable<T>& other) { return other.same_as(p); };
    if (std::any_of(parameters.begin(), parameters.begin() + static_cast<index_t>(k), same) ||
        std::any_of(parameters_.begin(), parameters_.end(), same)) {
      raise<UsageError>("{}: {} is listed twice; list each parameter once", rule, detail::describe(p));
    }
  }
  base_rates_.push_back(lr);
  slots_.resize(slots_.size() + parameters.size(), Slot{groups(), 0, {}});
  parameters_.insert(parameters_.end(), parameters.begin(), parameters.end());
  learning_rates_.push_back(lr);
}

template <class T>
void Optimizer<T>::step() {
  for (std::size_t k = 0; k < parameters_.size(); ++k) {
    Variable<T>& p = parameters_[k];
    if (!p.requires_grad() || !p.has_grad()) continue;
    Slot& slot = slots_[k];
    Update u{slot.group,       learning_rates_[slot.group],
             p.size(),         p.tensor()->data,
             p.tensor()->grad, {},
             ++slot.step,      p.shape()};
    const ArrayNames names = array_names(slot.group);
    for (std::size_t a = 0; a < max_arrays; ++a) {
      if (!names[a]) continue;
      if (!slot.arrays[a]) slot.arrays[a] = Variable<T>(p.shape(), T{0});
      u.array[a] = slot.arrays[a].tensor()->data;
    }
    p.update([&](auto&) { update(u); });
  }
}

template <class T>
void Optimizer<T>::zero_grad() {
  for (auto& p : parameters_) p.zero_grad();
}

template <class T>
void Optimizer<T>::check_group(std::size_t group) const {
  if (group >= groups()) raise<IndexError>("{}: there is no group {}; there are {}", rule(), group, groups());
}

template <class T>
double Optimizer<T>::lr(std::size_t group) const {
  check_group(group);
  return learning_rates_[group];
}

template <class T>
double Optimizer<T>::base_lr(std::size_t group) const {
  check_group(group);
  return base_rates_[group];
}

template <class T>
int Optimizer<T>::numbers_per_weight(std::size_t group) const {
  check_group(group);
  int count = 0;
  for (const char* name : array_names(group)) count += name != nullptr;
  return count;
}

template <class T>
void Optimizer<T>::set_lr(double lr, std::size_t group) {
  check_group(group);
  detail::check_option(rule(), "lr", lr);
  learning_rates_[group] = base_rates_[group] = lr;
}

template <class T>
void Optimizer<T>::set_lr(double lr) {
  for (std::size_t group = 0; group < groups(); ++group) set_lr(lr, group);
}

template <class T>
OptimizerState<T> Optimizer<T>::state() const {
  OptimizerState<T> state;
  for (std::size_t k = 0; k < slots_.size(); ++k) {
    if (slots_[k].step == 0) continue;
    state.steps[k] = slots_[k].step;
    const ArrayNames names = array_names(slots_[k].group);
    for (std::size_t a = 0; a < max_arrays; ++a) {
      if (names[a]) state.arrays[fmt::format("{}.{}", k, names[a])] = slots_[k].arrays[a];
    }
  }
  state.learning_rates = learning_rates_;
  return state;
}

template <class T>
void Optimizer<T>::check_state(const OptimizerState<T>& state) const {
  if (state.learning_rates.size() != groups()) {
    raise<UsageError>("{}: the state has {} groups; the optimiser has {}", rule(),
                      state.learning_rates.size(), groups());
  }
  for (const double lr : state.learning_rates) detail::check_option(rule(), "lr", lr);
  std::set<std::string> expected;
  for (const auto& [k, step] : state.steps) {
    if (k >= slots_.size()) {
      raise<UsageError>("{}: the state has a parameter {}; the optimiser has {}", rule(), k, slots_.size());
    }
    for (const char* name : array_names(slots_[k].group)) {
      if (name) expected.insert(check_array(state, k, name));
    }
  }
  for (const auto& [name, array] : state.arrays) {
    if (expected.contains(name)) continue;
    raise<UsageError>("{}: the state's \"{}\" belongs to other options or another rule", rule(), name);
  }
}

template <class T>
std::string Optimizer<T>::check_array(const OptimizerState<T>& state, std::size_t k, const char* name) const {
  std::string full_name = fmt::format("{}.{}", k, name);
  const Variable<T>& p = parameters_[k];
  const auto found = state.arrays.find(full_name);
  if (found == state.arrays.end() || !found->second) {
    raise<UsageError>("{}: the state has no {} for parameter {}, {}", rule(), name, k, detail::describe(p));
  }
  if (!(found->second.shape() == p.shape())) {
    raise<UsageError>("{}: the state's {} for parameter {}, {}, has the shape {}", rule(), name, k,
                      detail::describe(p), found->second.shape().str());
  }
  return full_name;
}

template <class T>
void Optimizer<T>::load_state(const OptimizerState<T>& state) {
  check_state(state);
  for (std::size_t k = 0; k < slots_.size(); ++k) {
    Slot& slot = slots_[k];
    slot = {slot.group, 0, {}};
    const auto step = state.steps.find(k);
    if (step == state.steps.end()) continue;
    slot.step = step->second;
    const ArrayNames names = array_names(slot.group);
    for (std::size_t a = 0; a < max_arrays; ++a) {
      if (names[a]) slot.arrays[a] = state.arrays.at(fmt::format("{}.{}", k, names[a])).copy();
    }
  }
  learning_rates_ = state.learning_rates;
}

UNROLL_COMPILE_TYPES(class Optimizer)

}  // namespace unroll
