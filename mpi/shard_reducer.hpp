#pragma once
/// \file The sum of all shards' gradients, sent while backward still computes.

#include <memory>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/mpi/communicator.hpp"

namespace unroll::mpi {

/// Consecutive shards, [first, last).
struct ShardRange {
  int first = 0, last = 0;  ///< which
};

/// The shards of one of `ranks` ranks, if `shards` are dealt out in order, as evenly as can be.
/// Errors: UsageError unless there are as many shards as ranks, or more, and such a rank.
ShardRange shards_of(int rank, int ranks, int shards);

/// Gives every rank the sum of the gradients of all shards of a batch, to the same bits for any number of ranks: each
/// shard has a backward pass of its own, and the shards' gradients are added along a binary tree that depends on their
/// number alone: 0 + 1, 2 + 3, …, then (0 + 1) + (2 + 3), …
///
///     ShardReducer reducer(ranks, parameters(model), 8);
///     for (int k = reducer.mine().first; k < reducer.mine().last; ++k) {
///       reducer.begin(k);
///       loss_of_shard(k).backward();  // a sum over the shard, divided by what the whole batch has
///     }
///     reducer.finish();  // now each parameter has the gradient of the whole batch
///
/// A parameter's sum is begun in the last of this rank's passes, as soon as its gradient is complete: what is sent is on
/// its way while backward still computes the products of other weights.
/// Cost:   memory for the gradients of this rank's shards; log2(shards) messages for each parameter to add, and
///         log2(ranks) to tell the sum.
/// Lifetime: `ranks` outlives it, and the parameters' hooks end with it.
/// Thread rule: as Communicator; a backward pass between begin and finish must belong to a shard.
template <class T>
class ShardReducer {
 public:
  /// For these parameters, listed alike on all ranks; frozen ones are left out.
  /// Errors: UsageError on all ranks for parameters that differ, and as shards_of.
  ShardReducer(Communicator& ranks, const std::vector<NamedParameter<T>>& parameters, int shards);
  ~ShardReducer();
  ShardReducer(const ShardReducer&) = delete;
  ShardReducer& operator=(const ShardReducer&) = delete;

  /// The shards of this rank.
  ShardRange mine() const;
  /// What follows is the pass of shard k of mine(); a shard without rows needs none.
  /// Errors: UsageError for another shard, or one before the last that was begun.
  void begin(int k);
  /// Waits for the sums, and stores them as the parameters' gradients; what was stored there is gone.
  /// Errors: PeerError.
  void finish();

 private:
  class Work;
  std::shared_ptr<Work> work_;
};

}  // namespace unroll::mpi
