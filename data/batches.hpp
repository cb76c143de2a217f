#pragma once
/// \file Batches of sequences that differ in length.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <span>
#include <vector>

namespace unroll {

struct BucketOptions {
  std::int64_t batch = 32;  ///< examples in a batch; the last may have fewer
  std::uint64_t seed = 0;   ///< of the order
  std::int64_t pool = 32;   ///< batches that are sorted by length together; 1: no sorting
};

/// What:   n examples in ⌈n / batch⌉ batches, new ones in each epoch, in each of which every example stands
///         once. They are shuffled, cut into pools of `pool` batches, sorted by length within a pool and cut
///         into batches, which are shuffled again: examples of a batch are about equally long.
/// A batch is a function of seed, epoch and index, on every machine: a resumed run needs nothing else.
class BucketedBatches {
 public:
  /// Errors: UsageError if batch or pool < 1, or there are no lengths or one below 0.
  BucketedBatches(std::vector<std::int64_t> lengths, const BucketOptions& options);

  /// The number of batches in an epoch.
  std::int64_t size() const;
  /// All batches of an epoch, as numbers of examples.
  /// Errors: UsageError if epoch < 0 or ≥ 2²⁴ − 1.
  std::vector<std::vector<std::int64_t>> epoch(std::int64_t number) const;

 private:
  std::vector<std::int64_t> lengths_;
  BucketOptions options_;
};

/// Sequences of tokens side by side, all as long as the longest: token (t, b) is at t * batch + b. Made for
/// `Indices({padded.steps, padded.batch}, padded.tokens)` and `Indices(padded.lengths)`.
struct PaddedTokens {
  std::int64_t steps = 0, batch = 0;  ///< the length of the longest, and how many sequences
  std::vector<std::int64_t> tokens;   ///< (steps, batch), `padding` beyond each sequence's end
  std::vector<std::int64_t> lengths;  ///< (batch)
};

/// The sequences of a batch. As `padding`, targets take the ignore_index of their loss; inputs of an embedding take any
/// symbol: lengths keep it out of the layers.
/// Errors: UsageError if there are none.
PaddedTokens pad(std::span<const std::vector<std::int64_t>> sequences, std::int64_t padding);
/// Those numbered `which`.
/// Errors: IndexError for a number that is out of range; as above.
PaddedTokens pad(std::span<const std::vector<std::int64_t>> sequences, std::int64_t padding,
                 std::span<const std::int64_t> which);

}  // namespace unroll
