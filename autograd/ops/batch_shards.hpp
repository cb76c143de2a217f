#pragma once  // internal
/// \file A computation over a batch, divided over threads by rows: each thread computes its rows, forward and
/// backward, on a tape of its own. There is no barrier inside.

#include <functional>
#include <vector>

#include "unroll/detail/autograd/ops/batch_rows.hpp"

namespace unroll::detail {

/// An array of which each thread gets some rows: slices along `axis`.
template <class T>
struct BatchArray {
  Variable<T> array;
  int axis = 0;
};

/// The computation of some rows: from these rows of the divided arrays, in order, the same rows of the results.
template <class T>
using ShardFunction = std::function<std::vector<BatchArray<T>>(const std::vector<Variable<T>>& divided)>;

template <class T>
struct ShardedComputation {
  const char* name;  ///< of the op
  index_t batch;     ///< rows
  /// What each thread reads as a whole, such as parameters, and what is divided.
  std::vector<Variable<T>> shared;
  std::vector<BatchArray<T>> divided;
  /// Makes the computation of some rows. It is called for each thread in turn, by the calling thread, and must
  /// keep nothing of `shared` itself: leaves of the same values stand for it, in order.
  std::function<ShardFunction<T>(BatchRows rows, const std::vector<Variable<T>>& shared)> prepare;
};

/// What:   the results of all rows, computed by `count` threads and recorded as one op. Where no row depends on
///         another they are those of one thread, to rounding; the same at each run.
/// Errors: what the computation throws, from the first of the threads that threw; UsageError for a second
///         derivative.
template <class T>
std::vector<Variable<T>> compute_in_shards(const ShardedComputation<T>& computation, int count);

}  // namespace unroll::detail
