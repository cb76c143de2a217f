#pragma once  // internal
/// \file The loop behind scan, for everything but a plain run.

#include "unroll/detail/layers/cells/any_cell.hpp"
#include "unroll/detail/layers/scan/observe.hpp"
#include "unroll/detail/layers/scan/rows.hpp"

namespace unroll::detail {

/// scan with all its options. `state` and `fresh` are lists of members; fresh, the state of a sequence that
/// begins, is needed with resets only.
template <class T>
AnyScanned<T> scan_any(std::shared_ptr<const AnyCell<T>> cell, SequencePlan plan, const ScanOptions& options,
                       const Variable<T>& xs, std::vector<Variable<T>> state, std::vector<Variable<T>> fresh,
                       const Observed& observed);

}  // namespace unroll::detail
