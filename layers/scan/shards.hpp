#pragma once  // internal
/// \file scan over several threads: each takes some rows of the batch through all time steps, forward and
/// backward, on a tape of its own. There is no barrier in time.

#include <optional>

#include "unroll/detail/layers/scan/loop.hpp"

namespace unroll::detail {

/// How many threads a scan may be divided over; 1 where it may not be, or there is one thread.
int shard_count(const SequencePlan& plan, const ScanOptions& options, const Observed& observed);

/// What:   scan, by `count` threads; nothing where it is too little work for them.
/// `cell` has with_parameters(). Results are those of one thread to rounding, and the same at each run.
/// Errors: what the cell throws, from the first of the threads that threw; UsageError for a second
///         derivative.
template <class T>
std::optional<AnyScanned<T>> scan_shards(const AnyCell<T>& cell, int count, const ScanOptions& options,
                                         const Variable<T>& xs, const std::vector<Variable<T>>& state);

}  // namespace unroll::detail
