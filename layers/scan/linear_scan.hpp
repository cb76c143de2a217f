#pragma once  // internal
/// \file scan of a linear cell: the coefficients of all steps at once, and one op for the recurrence.

#include "unroll/detail/layers/scan/loop.hpp"

namespace unroll::detail {

/// Whether these options leave all steps to one op; noise changes the state between them, and recomputation runs them
/// again in segments.
inline bool runs_at_once(const ScanOptions& options) {
  const bool recomputes = (options.segment != 0 || options.memory > 0) && !NoGrad::active();
  return !recomputes && !options.noise.drops() && !options.noise.zones();
}

/// scan; see scan_any.
template <class T>
AnyScanned<T> scan_linear(const AnyCell<T>& cell, const SequencePlan& plan, const ScanOptions& options,
                          const Variable<T>& xs, std::vector<Variable<T>> state,
                          const std::vector<Variable<T>>& fresh);

}  // namespace unroll::detail
