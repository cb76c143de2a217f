#pragma once
/// \file A batch cut into a fixed number of shards, whose sums are the same wherever the shards are computed.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "unroll/detail/config.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/train/peers.hpp"

namespace unroll {

/// What shards add up: numbers such as gradients, and counts such as the sum of losses and the number of symbols.
template <class T>
struct ShardPart {
  std::vector<T> values;       ///< added in T
  std::vector<double> counts;  ///< added in double
};

/// How a batch is cut, and which process computes what: contiguous rows are a shard, contiguous shards a process's.
///
///     const Shards shards(8, peers);                       // peers null: this process computes all
///     const auto [first, last] = shards.rows(s, batch);    // the rows of shard s
///     const auto total = shards.sum<float>(part_of);       // part_of(s) for each own shard, added in a fixed order
///
/// Lifetime: the peers outlive it.
class Shards {
 public:
  /// Rows or shards [first, last).
  struct Range {
    std::int64_t first;  ///< where it begins
    std::int64_t last;   ///< where it ends
    /// How many.
    std::int64_t count() const { return last - first; }
  };

  /// Errors: UsageError for a count below 1, and for more processes than shards.
  explicit Shards(int count, Peers* peers = nullptr);

  /// How many shards there are.
  int count() const { return count_; }
  /// The other processes; null: there are none.
  Peers* peers() const { return peers_; }
  /// The rows of a shard of a batch; none where there are fewer rows than shards.
  /// Shapes: ⌊s B / S⌋ … ⌊(s + 1) B / S⌋
  Range rows(int shard, std::int64_t batch) const;
  /// The shards of a process, and of this one.
  Range shards_of(int rank) const;
  Range own() const { return shards_of(rank_); }  ///< The same
  /// The rows of a shard, of a list with one element for each row.
  template <class X>
  std::vector<X> part(int shard, const std::vector<X>& all) const {
    const Range range = rows(shard, std::ssize(all));
    return {all.begin() + range.first, all.begin() + range.last};
  }
  /// The rows of this process's shards together.
  Range own_rows(std::int64_t batch) const;
  /// The process that computes a shard.
  int owner(std::int64_t shard) const;

  /// What:   Σ part(s) over all shards along a binary tree that depends on the number of shards alone, so that the bits
  ///         are the same for any number of processes. Calls part(s) for this process's shards, in order.
  /// Shapes: all parts alike, in all processes.
  /// Errors: what part throws; UsageError for parts of different sizes; as Peers.
  template <class T>
  ShardPart<T> sum(const std::function<ShardPart<T>(int shard)>& part) const;

 private:
  int count_, rank_ = 0, ranks_ = 1;
  Peers* peers_;
};

namespace detail {
/// Makes what a module draws in the next training step that of a shard: its random keys depend on it.
template <class T>
void take_keys_of_shard(const Members<T>& members, int shard);
/// Moves the random keys on to the next training step, by more than any shard can have drawn.
template <class T>
void advance_keys(const Members<T>& members);
}  // namespace detail

}  // namespace unroll
