#include "unroll/data/batches.hpp"

#include <doctest/doctest.h>

#include <limits>

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/autograd/indices.hpp"
#include "unroll/data/splits.hpp"
#include "unroll/data/tokens.hpp"

using namespace unroll;

namespace {

using Ids = std::vector<std::int64_t>;

/// Lengths 1 … 17 in no order.
Ids some_lengths(std::int64_t n) {
  Ids lengths;
  for (std::int64_t i = 0; i < n; ++i) lengths.push_back(1 + i * 7 % 17);
  return lengths;
}

Ids joined(const std::vector<Ids>& batches) {
  Ids all;
  for (const auto& batch : batches) all.insert(all.end(), batch.begin(), batch.end());
  return all;
}

Ids sorted(Ids ids) {
  std::sort(ids.begin(), ids.end());
  return ids;
}

Ids counting(std::int64_t n) {
  Ids ids;
  for (std::int64_t i = 0; i < n; ++i) ids.push_back(i);
  return ids;
}

}  // namespace

TEST_CASE("batches: every example stands once in an epoch, and only one batch is short") {
  for (const std::int64_t n : {1, 7, 32, 33, 100})
    for (const std::int64_t batch : {1, 4, 32, 1000})
      for (const std::int64_t pool : {1, 3, 50}) {
        const BucketedBatches batches(some_lengths(n), {.batch = batch, .seed = 3, .pool = pool});
        const auto epoch = batches.epoch(5);
        CHECK(std::ssize(epoch) == batches.size());
        CHECK(batches.size() == (n + batch - 1) / batch);
        CHECK(sorted(joined(epoch)) == counting(n));
        CHECK(std::count_if(epoch.begin(), epoch.end(),
                            [&](const Ids& b) { return std::ssize(b) != batch; }) == (n % batch != 0));
      }
}

TEST_CASE("batches: they are a function of seed and epoch") {
  const auto of = [](std::uint64_t seed, std::int64_t epoch) {
    return BucketedBatches(some_lengths(50), {.batch = 8, .seed = seed}).epoch(epoch);
  };
  CHECK(of(1, 2) == of(1, 2));
  CHECK(of(1, 2) != of(1, 3));
  CHECK(of(1, 2) != of(2, 2));
}

TEST_CASE("batches: the numbers are the same on every machine") {
  // By a separate program with Philox written from the paper; a change here breaks the resumption of runs.
  CHECK(BucketedBatches({3, 1, 2, 5, 4, 9}, {.batch = 2, .seed = 7, .pool = 1}).epoch(0) ==
        std::vector<Ids>{{1, 5}, {2, 4}, {3, 0}});
  CHECK(BucketedBatches({3, 1, 2, 5, 4, 9, 3}, {.batch = 2, .seed = 7, .pool = 2}).epoch(1) ==
        std::vector<Ids>{{1}, {4, 6}, {5, 3}, {0, 2}});
}

TEST_CASE("batches: lengths within a batch differ little, and one pool sorts everything") {
  const auto lengths = some_lengths(170);  // ten of each length
  for (const auto& batch : BucketedBatches(lengths, {.batch = 10, .seed = 1, .pool = 100}).epoch(0))
    for (const auto i : batch)
      CHECK(lengths[static_cast<std::size_t>(i)] == lengths[static_cast<std::size_t>(batch[0])]);
}

TEST_CASE("batches: an example's place varies over the epochs") {
  const BucketedBatches batches(some_lengths(40), {.batch = 4, .seed = 2});
  std::vector<int> seen(40);  // how often each example stood in the first batch
  for (std::int64_t e = 0; e < 400; ++e) {
    const auto epoch = batches.epoch(e);
    for (const auto i : epoch[0]) ++seen[static_cast<std::size_t>(i)];
  }
  // 40 expected of each; eight standard deviations of a binomial variable are 48.
  CHECK(*std::min_element(seen.begin(), seen.end()) > 0);
  CHECK(*std::max_element(seen.begin(), seen.end()) < 88);
}

TEST_CASE("batches: mistakes are named") {
  CHECK_THROWS_WITH_AS(BucketedBatches({}, {}), "batches: there are no examples; give at least one",
                       UsageError);
  CHECK_THROWS_WITH_AS(BucketedBatches({1}, {.batch = 0}),
                       "batches: need a batch and a pool of at least 1; got batch 0, pool 32", UsageError);
  CHECK_THROWS_WITH_AS(BucketedBatches({1, -2}, {}), "batches: need lengths of at least 0; got -2",
                       UsageError);
  CHECK_THROWS_AS(BucketedBatches({1}, {}).epoch(std::int64_t{1} << 24), UsageError);
  CHECK_THROWS_AS(BucketedBatches({1}, {}).epoch(std::numeric_limits<std::int64_t>::max()), UsageError);
  CHECK_THROWS_WITH_AS(BucketedBatches({1}, {}).epoch(-1), "batches: need an epoch of at least 0; got -1",
                       UsageError);
}

TEST_CASE("pad: sequences stand in columns, with padding below their ends") {
  const std::vector<Ids> sequences = {{1, 2, 3}, {}, {4}};
  const PaddedTokens padded = pad(sequences, -100);
  CHECK(padded.steps == 3);
  CHECK(padded.batch == 3);
  CHECK(padded.tokens == Ids{1, -100, 4, 2, -100, -100, 3, -100, -100});
  CHECK(padded.lengths == Ids{3, 0, 1});
  const Indices tokens({padded.steps, padded.batch}, padded.tokens);
  CHECK(tokens[2] == 4);
}

TEST_CASE("pad: a choice of sequences in a given order") {
  const std::vector<Ids> sequences = {{1, 2, 3}, {5}, {4, 6}};
  const PaddedTokens padded = pad(sequences, 0, Ids{2, 1});
  CHECK(padded.tokens == Ids{4, 5, 6, 0});
  CHECK(padded.lengths == Ids{2, 1});
  CHECK_THROWS_WITH_AS(pad(sequences, 0, Ids{3}), "pad: need numbers in [0, 3); got 3", IndexError);
  CHECK_THROWS_WITH_AS(pad(sequences, 0, Ids{}), "pad: there are no sequences; give at least one",
                       UsageError);
}

TEST_CASE("splits: parts are disjoint, complete, of the right size and a function of the seed") {
  for (const std::int64_t n : {0, 1, 7, 20'050}) {
    const IndexSplit split = split_at_random(n, 0.15, 4);
    Ids all = split.train;
    all.insert(all.end(), split.valid.begin(), split.valid.end());
    CHECK(sorted(all) == counting(n));
    CHECK(std::is_sorted(split.train.begin(), split.train.end()));
    CHECK(std::is_sorted(split.valid.begin(), split.valid.end()));
    CHECK(split.train == split_at_random(n, 0.15, 4).train);
  }
  CHECK(split_at_random(20'050, 0.15, 1).valid.size() == 3008);
  CHECK(split_at_random(100, 0.15, 1).valid != split_at_random(100, 0.15, 2).valid);
}

TEST_CASE("splits: by class, each class is divided, and one with one example trains") {
  Ids classes(100, 1);
  classes[3] = 0;                                     // one example
  for (const std::size_t i : {5, 6}) classes[i] = 2;  // two
  const IndexSplit split = split_by_class(classes, 0.5, 9);
  CHECK(std::ssize(split.train) + std::ssize(split.valid) == 100);
  CHECK(std::count(split.train.begin(), split.train.end(), 3) == 1);
  const auto of_class = [&](const Ids& part, std::int64_t c) {
    return std::count_if(part.begin(), part.end(),
                         [&](std::int64_t i) { return classes[static_cast<std::size_t>(i)] == c; });
  };
  CHECK(of_class(split.valid, 2) == 1);
  CHECK(of_class(split.valid, 1) == 48);
  CHECK(split_by_class(Ids(10, 0), 0.99, 1).train.size() == 1);
  CHECK(split_by_class(Ids(20, 0), 0.15, 1).valid.size() == 3);
}

TEST_CASE("splits: a class without training examples gets its first one back") {
  const Ids classes = {0, 1, 0, 2, 2, 1};
  const IndexSplit split = with_every_class({{0, 1, 2}, {3, 4, 5}}, classes);
  CHECK(split.train == Ids{0, 1, 2, 3});
  CHECK(split.valid == Ids{4, 5});
  CHECK_THROWS_WITH_AS(with_every_class({{0}, {6}}, classes), "split: need examples in [0, 6); got 6",
                       IndexError);
}

TEST_CASE("splits: mistakes are named") {
  CHECK_THROWS_AS(split_at_random(5, 1, 1), UsageError);
  CHECK_THROWS_WITH_AS(split_at_random(-1, 0.1, 1), "split: need at least 0 examples; got -1", UsageError);
  CHECK_THROWS_AS(split_by_class(Ids{0}, -0.1, 1), UsageError);
  CHECK_THROWS_AS(split_at_random(std::int64_t{1} << 62, 0.1, 1), UsageError);
  CHECK_THROWS_AS(split_at_random(std::numeric_limits<std::int64_t>::max(), 0, 1), UsageError);
}

TEST_CASE("tokens: words between spaces, characters by code points, numbers by vocabulary") {
  using Parts = std::vector<std::string_view>;
  CHECK(split_words("  the sea\t. ") == Parts{"the", "sea", "."});
  CHECK(split_words(" \t").empty());
  CHECK(split_characters("a\u00e9 ") == Parts{"a", "\u00e9", " "});
  SymbolCounts counts;
  for (const auto word : split_words("b a b")) counts.add(word);
  const Vocabulary vocabulary(counts, {.padding = "<pad>", .unknown = "<unk>"});
  CHECK(ids_of(split_words("a c b"), vocabulary) == Ids{2, 1, 3});
  CHECK_THROWS_AS(ids_of(split_words("c"), Vocabulary(counts)), DataError);
}
