#pragma once  // internal
/// \file What scan tells those who look on: anomaly mode and the measurements of diagnosis. Nothing, where
/// nobody does.

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/detail/autograd/core/inspect.hpp"
#include "unroll/detail/layers/scan/sequence_plan.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll::detail {

/// While it lives, sees every state that scan computes on this thread. They nest.
template <class T>
class StateWatcher {
 public:
  StateWatcher() : outer_(innermost) { innermost = this; }
  StateWatcher(const StateWatcher&) = delete;
  StateWatcher& operator=(const StateWatcher&) = delete;
  static bool active() { return innermost != nullptr; }
  static void show(const Place& place, const std::vector<Variable<T>>& state) {
    for (StateWatcher* w = innermost; w; w = w->outer_) w->see(place, state);
  }

 protected:
  ~StateWatcher() { innermost = outer_; }
  virtual void see(const Place& place, const std::vector<Variable<T>>& state) = 0;

 private:
  StateWatcher* outer_;
  static inline thread_local constinit StateWatcher* innermost = nullptr;
};

/// A scan as those who look on know it; null where nobody does.
using Watched = std::shared_ptr<const Recurrence>;

template <class T, class Cell, class S>
Watched watch(const Cell& cell, S& state, const SequencePlan& plan, const ScanOptions& options) {
  if (!AnomalyMode::active() && !Onlooker::active() && !StateWatcher<T>::active()) return nullptr;
  Recurrence run{NameScope::path(), plan.reverse, plan.packed, options.segment == 0 && options.memory == 0};
  visit_state(state, [&](std::string_view name, const Variable<T>& v) {
    if (v) run.members.emplace_back(name);
  });
  const Variable<T>& h = output_of(state);
  if (h && h.rank() > 0) run.columns = h.shape().back(0);
  if constexpr (requires { cell.hidden_size(); }) run.columns = cell.hidden_size();
  if constexpr (requires { std::string_view(Cell::gate_names); }) run.gate_names = Cell::gate_names;
  return std::make_shared<const Recurrence>(std::move(run));
}

/// While it lives, this step of a watched scan is the one that runs.
class StepScope {
 public:
  StepScope(const Watched& watched, index_t step, bool projecting = false) {
    if (!watched) return;
    place_ = {watched, step, projecting};
    before_ = std::exchange(Place::current, &place_);
  }
  ~StepScope() {
    if (place_.run) Place::current = before_;
  }
  StepScope(const StepScope&) = delete;
  StepScope& operator=(const StepScope&) = delete;

  /// The members of the state after the step.
  template <class T>
  void done(const std::vector<Variable<T>>& state) const {
    if (place_.run) StateWatcher<T>::show(place_, state);
  }

 private:
  Place place_;
  const Place* before_ = nullptr;
};

}  // namespace unroll::detail
