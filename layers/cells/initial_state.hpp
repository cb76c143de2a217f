#pragma once
/// \file What a sequence begins with, for any cell.

#include "unroll/detail/layers/cells/cell_calls.hpp"

namespace unroll {

/// What:   the state that a sequence begins with: what the cell's initial_state(batch) says or, without that,
///         zeros of its hidden_size(). `TruncatedBptt bptt(cell, initial_state(cell, B), {.k1 = 5, .k2 = 20});`
/// Shapes: each member (batch, H).
template <class Cell>
CellState<Cell> initial_state(const Cell& cell, index_t batch) {
  constexpr bool begins = HasInitialState<Cell> || HasHiddenSize<Cell>;
  static_assert(
      begins,
      "a cell without hidden_size() and initial_state(batch), such as a function, begins with a state "
      "that is given: scan(cell, xs, state)");
  return detail::initial_state_of(cell, batch);
}

}  // namespace unroll
