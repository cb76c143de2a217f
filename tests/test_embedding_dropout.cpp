#include "unroll/layers/embedding_dropout.hpp"

#include <doctest/doctest.h>

#include <cmath>
#include <map>

#include "arrays.hpp"
#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/module.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

Embedding<double> small_table() {
  Generator rng(1);
  return Embedding<double>(6, 3, {}, rng);
}

const Indices some_tokens(Shape{4, 2}, {0, 1, 2, 3, 4, 5, 1, 0});

}  // namespace

TEST_CASE(
    "embedding_dropout: whole rows are dropped, the same wherever a symbol stands, and the rest is scaled") {
  const auto table = small_table();
  const RandomKey key{.seed = 5};
  const EmbeddingDropout<double> drop(0.5, key);
  const std::vector<double> y = list(drop(table, some_tokens)), w = list(table.weight);
  const std::vector<double> factors = list(dropout(Variable<double>({6}, 1.0), 0.5, key));
  int zeros = 0;
  for (std::size_t k = 0; k < 8; ++k)
    for (std::size_t j = 0; j < 3; ++j) {
      const auto token = static_cast<std::size_t>(some_tokens[static_cast<index_t>(k)]);
      CHECK(y[3 * k + j] == factors[token] * w[3 * token + j]);
      zeros += factors[token] == 0;
    }
  CHECK(zeros > 0);
  CHECK(zeros < 24);
  CHECK(drop.key().step == 1);
  CHECK(list(drop(table, some_tokens)) != y);
}

TEST_CASE("embedding_dropout: gradients of a dropped table are those of the table times the mask") {
  const auto table = small_table();
  const RandomKey key{.seed = 5};
  sum(EmbeddingDropout<double>(0.5, key)(table, some_tokens)).backward();
  const std::vector<double> factors = list(dropout(Variable<double>({6}, 1.0), 0.5, key));
  const std::map<std::size_t, int> twice = {{0, 2}, {1, 2}};
  for (std::size_t r = 0; r < 6; ++r)
    for (std::size_t j = 0; j < 3; ++j)
      CHECK(gradient_list(table.weight)[3 * r + j] == factors[r] * (twice.contains(r) ? 2 : 1));
}

TEST_CASE("embedding_dropout: without p, and in evaluation mode, it is the table") {
  const auto table = small_table();
  EmbeddingDropout<double> drop(0.5, RandomKey{.seed = 5});
  eval(drop);
  CHECK(list(drop(table, some_tokens)) == list(table(some_tokens)));
  CHECK(list(EmbeddingDropout<double>()(table, some_tokens)) == list(table(some_tokens)));
  CHECK(drop.key().step == 0);
  CHECK_THROWS_WITH_AS(EmbeddingDropout<double>(1.5), "embedding_dropout: p must be in [0, 1]; got 1.5",
                       UsageError);
  CHECK_THROWS_AS(EmbeddingDropout<double>(std::nan("")), UsageError);
}
