#pragma once
/// \file scan: the time loop, once, for any cell.

#include "autograd/functions.hpp"
#include "autograd/views.hpp"
#include "layers/stack_output.hpp"
#include "layers/state.hpp"

namespace unroll {

/// What scan returns: the hidden states of all steps and the state after the last.
template <class T, class S>
struct Scanned {
  Variable<T> output;  ///< (T, B, H)
  S state;
};

struct ScanOptions {
  bool reverse = false;  ///< from the last step to the first; outputs stay at their own time
};

namespace detail {

template <class Cell, class T>
concept Projects = requires(const Cell& cell, const Variable<T>& xs) {
  { cell.project(xs) } -> std::convertible_to<Variable<T>>;
};
template <class Cell, class T, class S>
concept Steps = requires(const Cell& cell, const Variable<T>& x, const S& s) {
  cell.step(x, s);
};

template <class Cell, class T, class S>
S step_of(const Cell& cell, const Variable<T>& x, const S& state) {
  if constexpr (Steps<Cell, T, S>) {
    return cell.step(x, state);
  } else {
    return cell(x, state);
  }
}

}  // namespace detail

/// What:   state_t = step(x_t, state_{t−1}) over the first axis of xs.
/// `cell` is an object with `step(x, state)`, and perhaps `project(xs)`, which is applied once to all time
/// steps and whose slices step then receives; or a function of (x, state). The state is a Variable or a
/// struct with visit() whose member h is the output.
/// Shapes: xs (T, …), output (T, B, H).
/// Errors: UsageError for an empty xs or T = 0; ShapeError where the state changes its shape.
template <class Cell, class T, class S>
Scanned<T, S> scan(const Cell& cell, const Variable<T>& xs, S state, const ScanOptions& options = {}) {
  if (!xs) detail::fail_empty("scan", 1);
  if (xs.rank() < 1 || xs.shape()[0] == 0) {
    fail<UsageError>("scan: need at least one time step; got {}", xs.shape().str());
  }
  constexpr bool projects = detail::Projects<Cell, T>;
  const index_t steps = xs.shape()[0];
  detail::LazyUnbind<T> inputs([&]() -> Variable<T> {
    if constexpr (projects) {
      return cell.project(xs);
    } else {
      return dense(xs);
    }
  }());
  if (inputs.count() != steps) {
    fail<ShapeError>("scan: project must keep the {} time steps of {}; got {}", steps, xs.shape().str(),
                     inputs.count());
  }
  detail::StackOutput<T> stacked(steps);
  for (index_t k = 0; k < steps; ++k) {
    const index_t t = options.reverse ? steps - 1 - k : k;
    const Variable<T> x = inputs(t, projects);
    stacked.begin_step(t);
    state = detail::step_of(cell, x, state);
    stacked.end_step(output_of(state));
  }
  return {stacked.finish(), std::move(state)};
}

}  // namespace unroll
