#include "unroll/data/splits.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <set>

#include "unroll/autograd/error.hpp"
#include "unroll/data/shuffle.hpp"
#include "unroll/data/streams.hpp"

namespace unroll {
namespace {

constexpr std::int64_t most_examples = std::int64_t{1} << 40;  // their numbers take 8 TiB

}  // namespace

IndexSplit split_at_random(std::int64_t n, double valid_fraction, std::uint64_t seed) {
  if (n > most_examples) raise<UsageError>("split: need at most {} examples; got {}", most_examples, n);
  const auto train = split_by_position(n, valid_fraction).train;
  std::vector<std::int64_t> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), 0);
  Generator rng(seed);
  shuffle(order, rng);
  IndexSplit split{{order.begin(), order.begin() + train}, {order.begin() + train, order.end()}};
  for (auto* part : {&split.train, &split.valid}) std::sort(part->begin(), part->end());
  return split;
}

IndexSplit split_by_class(std::span<const std::int64_t> classes, double valid_fraction, std::uint64_t seed) {
  std::map<std::int64_t, std::vector<std::int64_t>> members;
  for (std::size_t i = 0; i < classes.size(); ++i)
    members[classes[i]].push_back(static_cast<std::int64_t>(i));
  split_by_position(0, valid_fraction);  // checks the fraction
  IndexSplit split;
  Generator rng(seed);
  for (auto& [label, numbers] : members) {
    shuffle(numbers, rng);
    const double valid = std::floor(static_cast<double>(numbers.size()) * valid_fraction + 1e-6);
    const auto middle =
        numbers.end() - std::min<std::int64_t>(static_cast<std::int64_t>(valid), std::ssize(numbers) - 1);
    split.train.insert(split.train.end(), numbers.begin(), middle);
    split.valid.insert(split.valid.end(), middle, numbers.end());
  }
  for (auto* part : {&split.train, &split.valid}) std::sort(part->begin(), part->end());
  return split;
}

IndexSplit with_every_class(IndexSplit split, std::span<const std::int64_t> classes) {
  const auto class_of = [&](std::int64_t i) {
    if (i < 0 || i >= std::ssize(classes))
      raise<IndexError>("split: need examples in [0, {}); got {}", classes.size(), i);
    return classes[static_cast<std::size_t>(i)];
  };
  std::set<std::int64_t> trained;
  for (const auto i : split.train) trained.insert(class_of(i));
  std::vector<std::int64_t> rest;
  for (const auto i : split.valid) (trained.insert(class_of(i)).second ? split.train : rest).push_back(i);
  split.valid = std::move(rest);
  std::sort(split.train.begin(), split.train.end());
  return split;
}

}  // namespace unroll
