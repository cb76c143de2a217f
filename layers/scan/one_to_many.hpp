#pragma once
/// \file One to many: a sequence from one vector, or from a state alone.

#include "unroll/layers/scan.hpp"

namespace unroll {

namespace detail {
/// A cell whose inputs have been projected already.
template <class Cell, class T, class S>
struct Projected {
  Cell cell;
  S step(const Variable<T>& x, const S& s) const { return step_of(cell, x, s); }
  S initial_state(index_t batch) const requires HasInitialState<Cell, S> { return cell.initial_state(batch); }
};
}  // namespace detail

/// Runs a cell on one input again and again.
/// What:   state_t = step(x, state_{t−1}) for t = 1 … steps, with the same x at every step.
/// Shapes: x (B, I), or what the cell takes → output (steps, B, H). Options: as scan.
/// Errors: UsageError unless steps ≥ 1; as scan.
/// Cost:   x is projected once.
template <class Cell, class T, class S>
Scanned<T, S> one_to_many(const Cell& cell, const Variable<T>& x, S state, index_t steps,
                          const ScanOptions& options = {}) {
  if (!x) detail::fail_empty("one_to_many", 1);
  if (steps < 1) raise<UsageError>("one_to_many: need steps ≥ 1; got {}", steps);
  const Variable<T> projected = detail::projected(cell, x);
  Shape over_time{steps};
  while (over_time.rank() <= projected.rank()) over_time = over_time.inserted(1, 1);
  const Variable<T> xs = projected + Variable<T>(over_time, T{0});
  return scan(detail::Projected<Cell, T, S>{cell}, xs, std::move(state), options);
}

/// The same without an input: x = 0.
template <class Cell, class S>
auto one_to_many(const Cell& cell, S state, index_t steps, const ScanOptions& options = {}) {
  using T = detail::state_number<S>;
  const Variable<T> none({output_of(state).shape()[0], cell.input_size()}, T{0});
  return one_to_many(cell, none, std::move(state), steps, options);
}

}  // namespace unroll
