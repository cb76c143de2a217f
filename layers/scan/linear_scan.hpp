#pragma once  // internal
/// \file scan of cells that do all steps of a sequence at once: a linear cell's coefficients and one op for the
/// recurrence, or what a cell does in a way of its own.

#include "unroll/detail/layers/cells/any_cell.hpp"
#include "unroll/detail/layers/scan/rows.hpp"

namespace unroll::detail {

/// Whether these options leave all steps to one op; noise changes the state between them, and recomputation runs them
/// again in segments.
inline bool runs_at_once(const ScanOptions& options) {
  const bool recomputes = (options.segment != 0 || options.memory > 0) && !NoGrad::active();
  return !recomputes && !options.noise.drops() && !options.noise.zones();
}

/// scan of a cell with sequence(); see scan_any. Resets must go back to zeros.
template <class T>
AnyScanned<T> scan_sequence(const AnyCell<T>& cell, const SequencePlan& plan, const ScanOptions& options,
                            const Variable<T>& xs, std::vector<Variable<T>> state);
/// Whether all are zeros that nothing was computed into.
template <class T>
bool all_zero(const std::vector<Variable<T>>& members);

/// scan of a linear cell; see scan_any.
template <class T>
AnyScanned<T> scan_linear(const AnyCell<T>& cell, const SequencePlan& plan, const ScanOptions& options,
                          const Variable<T>& xs, std::vector<Variable<T>> state,
                          const std::vector<Variable<T>>& fresh);

}  // namespace unroll::detail
