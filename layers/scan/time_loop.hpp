#pragma once  // internal
/// \file The time loop.

#include "unroll/detail/autograd/ops/part_of_product.hpp"
#include "unroll/detail/autograd/plan/loop_watch.hpp"
#include "unroll/detail/layers/scan/observe.hpp"
#include "unroll/detail/layers/scan/rows.hpp"
#include "unroll/detail/layers/scan/stack_output.hpp"

namespace unroll::detail {

/// The steps that are left once it is known what a step does.
template <class T, class Run>
void run_rest(Run& run, const LoopWatch<T>& watch, LazyUnbind<T>& inputs, const SequencePlan& plan,
              index_t first, index_t last, StackOutput<T>& stacked) {
  const index_t next = first + LoopWatch<T>::recorded;
  const index_t at = plan.begin(next, last) - plan.begin(first, last);
  LoopResult<T> rest =
      run_loop<T>(watch.program(), {inputs.together(at, at + last - next), watch.carried(run.members()),
                                    stacked.memory(at), stacked.storage(), plan.reverse});
  const index_t count = last - next - 1;  // the last is the state's own
  stacked.end_steps(rest.hidden, plan.reverse ? at + 1 : at);
  stacked.end_steps(rest.carried[watch.program()->output], plan.reverse ? at : at + count);
  run.replace(watch.members(rest.carried));
}

/// What:   projects x, then step after step; `run` is a cell with its state, and has
///           projects, project(x)  whether there is a projection, and what it makes of x
///           prepare(k)            what happens to the state between step k − 1 and step k
///           step(k, x_k)          one step
///           output()              the hidden state after it
///           members()             the whole state after it
///           replace(members)      sets it
///           obstacle()            why a step may differ from another; null where it does not
/// Shapes: x holds the inputs of the steps [first, last): (last − first, …), or packed rows (N, …).
/// Returns the hidden states of these steps: (last − first, …), or packed rows.
template <class T, class Run>
Variable<T> time_loop(Run& run, const Variable<T>& x, const SequencePlan& plan, index_t first, index_t last,
                      const Observed& observed) {
  const auto project = [&] {
    const PartOfProduct part(plan.units(first, last), plan.units(0, plan.steps));
    const StepScope here(observed, plan.begin(first, last), true);
    return run.project(x);
  };
  LazyUnbind<T> inputs = step_inputs(plan, run.projects ? project() : x, first, last);
  StackOutput<T> stacked(plan.units(first, last), plan.packed);
  LoopWatch<T> watch(plan.packed ? "the sequences have lengths"
                     : observed  ? "somebody looks at each step"
                                 : run.obstacle(),
                     last - first);
  bool learned = false;
  for (index_t k = first; k < last && !learned; ++k) {
    const index_t at = plan.begin(k, k + 1) - plan.begin(first, last);
    const Variable<T> x_k = inputs(plan.packed ? k - first : at, run.projects);
    run.prepare(k);
    const StepScope here(observed, k);
    stacked.begin_step(at, plan.units(k, k + 1));
    if (watch.active()) watch.begin(k - first, run.members());
    run.step(k, x_k);
    stacked.end_step(run.output());
    if (observed) here.done(run.members());
    learned = watch.active() && watch.end(k - first, x_k, run.members(), run.output()) && stacked.in_place();
  }
  if (learned) run_rest(run, watch, inputs, plan, first, last, stacked);
  return stacked.finish();
}

}  // namespace unroll::detail
