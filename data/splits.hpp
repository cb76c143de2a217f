#pragma once
/// \file Examples divided at random into those that train and those that validate. By position:
/// split_by_position in unroll/data/streams.hpp.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <cstdint>
#include <span>
#include <vector>

namespace unroll {

/// The numbers of the examples of each part, rising.
struct IndexSplit {
  std::vector<std::int64_t> train, valid;  ///< numbers of examples
};

/// n examples, of which floor(n (1 − valid_fraction)) train; which ones is a function of the seed, the
/// same on every machine. Equal examples may lie in both parts.
/// Errors: UsageError if the fraction is not in [0, 1), or n < 0 or above 2⁴⁰.
IndexSplit split_at_random(std::int64_t n, double valid_fraction, std::uint64_t seed);

/// The same within each class, of which at least one example trains: a class of n has
/// ⌈n (1 − valid_fraction)⌉ in training, so that a class with one example validates nothing.
/// Errors: as above.
IndexSplit split_by_class(std::span<const std::int64_t> classes, double valid_fraction, std::uint64_t seed);

/// The split with a training example of every class: of a class that has none, the first one that validates
/// moves over. `classes` are those of all examples.
/// Errors: IndexError if the split has others.
IndexSplit with_every_class(IndexSplit split, std::span<const std::int64_t> classes);

}  // namespace unroll
