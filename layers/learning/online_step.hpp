#pragma once  // internal
/// \file What learning step by step asks of cells and states: one step at a time, and states as leaves.

#include <vector>

#include "unroll/layers/scan.hpp"
#include "unroll/layers/state.hpp"

namespace unroll::detail {

/// The same values as leaves that take part in gradients.
template <class S>
S leaf_state(const S& state) {
  return map_state(state, [](const auto& v) { return v.detach().requires_grad(true); });
}

/// One step by itself: the projection, if the cell has one, and the step.
template <class Cell, class T, class S>
S online_step(const Cell& cell, const Variable<T>& x, const S& state) {
  if constexpr (Projects<Cell, T>) {
    return step_of(cell, cell.project(x), state);
  } else {
    return step_of(cell, x, state);
  }
}

}  // namespace unroll::detail
