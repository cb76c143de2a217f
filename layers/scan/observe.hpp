#pragma once  // internal
/// \file What scan shows to observers: anomaly mode and the measurements of diagnosis. Nothing, where there are
/// none.

#include <optional>

#include "unroll/autograd/anomaly_mode.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/detail/autograd/fused/observer.hpp"
#include "unroll/detail/layers/scan/sequence_plan.hpp"
#include "unroll/detail/layers/scan/step_context.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll::detail {

/// While it lives, sees every state that scan computes on this thread. They nest.
template <class T>
class StateObserver {
 public:
  StateObserver() : outer_(innermost) { innermost = this; }
  StateObserver(const StateObserver&) = delete;
  StateObserver& operator=(const StateObserver&) = delete;
  static bool active() { return innermost != nullptr; }
  static void show(const StepContext& step, const std::vector<Variable<T>>& state) {
    for (StateObserver* o = innermost; o; o = o->outer_) o->see(step, state);
  }

 protected:
  ~StateObserver() { innermost = outer_; }
  virtual void see(const StepContext& step, const std::vector<Variable<T>>& state) = 0;

 private:
  StateObserver* outer_;
  [[gnu::tls_model("initial-exec")]] static thread_local constinit StateObserver* innermost;
};
extern template class StateObserver<float>;
extern template class StateObserver<double>;

/// A scan that is observed; null where nobody does.
using Observed = std::shared_ptr<const Recurrence>;

template <class T, class Cell, class S>
Observed observe(const Cell& cell, S& state, const SequencePlan& plan, const ScanOptions& options) {
  if (!AnomalyMode::active() && !Observer::active() && !StateObserver<T>::active()) return nullptr;
  Recurrence run{NameScope::path(), plan.reverse, plan.packed, options.segment == 0 && options.memory == 0};
  visit_state(state, [&](std::string_view name, const Variable<T>& v) {
    if (v) run.members.emplace_back(name);
  });
  const Variable<T>& h = output_of(state);
  if (h && h.rank() > 0) run.gate_columns = h.shape().back(0);
  if constexpr (requires { cell.hidden_size(); }) run.gate_columns = cell.hidden_size();
  if constexpr (requires { std::string_view(Cell::gate_names); }) run.gate_names = Cell::gate_names;
  return std::make_shared<const Recurrence>(std::move(run));
}

/// While it lives, this step of an observed scan is the one that runs.
class StepScope {
 public:
  StepScope(const Observed& scan, index_t step, bool projecting = false) {
    if (!scan) return;
    step_ = std::make_shared<const StepContext>(scan, step, projecting);
    scope_.emplace(step_);
  }
  /// The members of the state after the step.
  template <class T>
  void done(const std::vector<Variable<T>>& state) const {
    if (step_) StateObserver<T>::show(*step_, state);
  }

 private:
  std::shared_ptr<const StepContext> step_;
  std::optional<ContextScope> scope_;
};

}  // namespace unroll::detail
