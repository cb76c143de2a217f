#pragma once
/// \file scan: the time loop, once, for any cell.

#include "layers/scan_loop.hpp"

namespace unroll {

/// What:   state_t = step(x_t, state_{t−1}) over the first axis of xs.
/// `cell` is an object with `step(x, state)`, and perhaps `project(xs)`, which is applied once to all time
/// steps and whose rows step then receives; or a function of (x, state). The state is a Variable or a struct
/// with visit() whose member h is the output.
/// Shapes: xs (T, B, …), output (T, B, H), members of the state (B, …). Without lengths, resets, noise and
///         recomputation the axis B is not needed.
/// Errors: UsageError for an empty xs or T = 0; ShapeError where the state changes its shape, and where
///         lengths or resets do not fit; IndexError for a length outside 0 … T.
/// Cost:   with lengths the rows multiplied are Σ lengths: padding is never computed.
template <class Cell, class T, class S>
Scanned<T, S> scan(const Cell& cell, const Variable<T>& xs, S state, const ScanOptions& options = {}) {
  detail::SequencePlan plan = detail::plan_scan(xs, options);
  S fresh = options.resets.size() == 0 ? S{} : detail::fresh_state(cell, state);
  return detail::ScanLoop<Cell, T, S>(cell, std::move(plan), options, std::move(fresh))
      .run(xs, std::move(state));
}

}  // namespace unroll
