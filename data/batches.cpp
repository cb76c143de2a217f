#include "unroll/data/batches.hpp"

#include <algorithm>
#include <numeric>

#include "unroll/autograd/error.hpp"
#include "unroll/data/shuffle.hpp"

namespace unroll {
namespace {

constexpr std::int64_t most_epochs = (std::int64_t{1} << 24) - 1;  // each with 2⁴⁰ random numbers

/// The random numbers of an epoch: those of the seed from 2⁴⁰ (epoch + 1) on, so that no epoch has those of
/// another one, or of a generator that was made from the same seed.
Generator epoch_generator(std::uint64_t seed, std::int64_t epoch) {
  Generator rng(seed);
  rng.set_state({.seed = seed, .position = (static_cast<std::uint64_t>(epoch) + 1) << 40});
  return rng;
}

}  // namespace

BucketedBatches::BucketedBatches(std::vector<std::int64_t> lengths, const BucketOptions& options)
    : lengths_(std::move(lengths)), options_(options) {
  if (options.batch < 1 || options.pool < 1)
    raise<UsageError>("batches: need a batch and a pool of at least 1; got batch {}, pool {}", options.batch,
                      options.pool);
  if (lengths_.empty()) raise<UsageError>("batches: there are no examples; give at least one");
  if (const auto least = *std::min_element(lengths_.begin(), lengths_.end()); least < 0)
    raise<UsageError>("batches: need lengths of at least 0; got {}", least);
}

std::int64_t BucketedBatches::size() const { return 1 + (std::ssize(lengths_) - 1) / options_.batch; }

std::vector<std::vector<std::int64_t>> BucketedBatches::epoch(std::int64_t number) const {
  if (number < 0) raise<UsageError>("batches: need an epoch of at least 0; got {}", number);
  if (number >= most_epochs)
    raise<UsageError>("batches: need an epoch below {}; got {}", most_epochs, number);
  Generator rng = epoch_generator(options_.seed, number);
  std::vector<std::int64_t> order(lengths_.size());
  std::iota(order.begin(), order.end(), 0);
  shuffle(order, rng);

  const auto longer = [&](std::int64_t a, std::int64_t b) {
    return lengths_[static_cast<std::size_t>(a)] > lengths_[static_cast<std::size_t>(b)];
  };
  const auto n = std::ssize(order), batch = std::min(options_.batch, n);
  const auto pool = batch * std::min(options_.pool, size());
  std::vector<std::vector<std::int64_t>> batches;
  for (std::int64_t first = 0; first < n; first += pool) {
    const auto last = std::min(first + pool, n);
    if (options_.pool > 1) std::stable_sort(order.begin() + first, order.begin() + last, longer);
    for (std::int64_t at = first; at < last; at += batch)
      batches.emplace_back(order.begin() + at, order.begin() + std::min(at + batch, last));
  }
  shuffle(batches, rng);
  return batches;
}

PaddedTokens pad(std::span<const std::vector<std::int64_t>> sequences, std::int64_t padding) {
  std::vector<std::int64_t> all(sequences.size());
  std::iota(all.begin(), all.end(), 0);
  return pad(sequences, padding, all);
}

PaddedTokens pad(std::span<const std::vector<std::int64_t>> sequences, std::int64_t padding,
                 std::span<const std::int64_t> which) {
  if (which.empty()) raise<UsageError>("pad: there are no sequences; give at least one");
  PaddedTokens padded;
  padded.batch = std::ssize(which);
  for (const auto number : which) {
    if (number < 0 || number >= std::ssize(sequences))
      raise<IndexError>("pad: need numbers in [0, {}); got {}", sequences.size(), number);
    padded.lengths.push_back(std::ssize(sequences[static_cast<std::size_t>(number)]));
    padded.steps = std::max(padded.steps, padded.lengths.back());
  }
  padded.tokens.assign(static_cast<std::size_t>(padded.steps * padded.batch), padding);
  for (std::int64_t b = 0; b < padded.batch; ++b) {
    auto at = static_cast<std::size_t>(b);
    for (const auto token : sequences[static_cast<std::size_t>(which[at])])
      padded.tokens[std::exchange(at, at + which.size())] = token;
  }
  return padded;
}

}  // namespace unroll
