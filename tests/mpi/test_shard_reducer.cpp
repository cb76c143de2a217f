#include "unroll/mpi/shard_reducer.hpp"

#include <doctest/doctest.h>

#include "../arrays.hpp"
#include "ranks.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

struct ReducedModel {
  Lstm<> lstm;
  Linear<> readout, unused;
  explicit ReducedModel(Generator& rng)
      : lstm(3, 5, {}, rng), readout(5, 2, {}, rng), unused(2, 2, {}, rng) {}
  template <class V>
  void visit(V&& v) {
    v("lstm", lstm), v("readout", readout), v("unused", unused);
  }
};

Variable<float> loss_of(ReducedModel& model, int shard) {
  const auto x = random_parameter<float>({7, 2, 3}, static_cast<std::uint64_t>(shard) + 10);
  const auto [y, state] = model.lstm(x.detach());
  return sum(tanh(model.readout(y)));
}

/// Shard 1 has no rows.
bool has_rows(int shard) { return shard != 1; }

std::vector<float> gradients(const ReducedModel& model) {
  std::vector<float> all;
  for (const auto& p : parameters(model)) {
    const Variable<float>& v = p.variable;
    if (!v.has_grad()) {
      all.insert(all.end(), static_cast<std::size_t>(v.size()), 0.0f);
      continue;
    }
    const auto g = v.grad();
    all.insert(all.end(), g.begin(), g.end());
  }
  return all;
}

/// The sum of the shards' gradients, in one process.
std::vector<float> wanted_gradients(int shards) {
  return tree_sum(shards, [](int k) {
    Generator rng(1);
    ReducedModel model(rng);
    if (has_rows(k)) loss_of(model, k).backward();
    return gradients(model);
  });
}

}  // namespace

TEST_CASE("shard_reducer: the gradient of the batch is the same to the bit on any number of ranks") {
  mpi::Communicator ranks(patient);
  Generator rng(1);
  ReducedModel model(rng);
  for (const int shards : {4, 5, 7, 8}) {
    mpi::ShardReducer<float> reducer(ranks, parameters(model), shards);
    const auto wanted = wanted_gradients(shards);
    for (int step = 0; step < 3; ++step) {
      for (int k = reducer.mine().first; k < reducer.mine().last; ++k) {
        reducer.begin(k);
        if (has_rows(k)) loss_of(model, k).backward();
      }
      reducer.finish();
      CHECK(same_bits(gradients(model), wanted));
    }
  }
}

TEST_CASE("shard_reducer: what a rank has to send is under way before its last pass has ended") {
  mpi::Communicator ranks(patient);
  Generator rng(1);
  ReducedModel model(rng);
  std::uint64_t during = 0;
  const auto before = ranks.bytes_sent();
  mpi::ShardReducer<float> reducer(ranks, parameters(model), ranks.count());
  // The readout's bias is complete before the products are done; this hook runs after the reducer's own.
  Variable<float> weight = parameters(model, "lstm.weight_hh_l0").front().variable;
  weight.register_hook([&](const Variable<float>&) {
    during = ranks.bytes_sent() - before;
    return Variable<float>();
  });
  reducer.begin(ranks.rank());
  loss_of(model, ranks.rank()).backward();
  reducer.finish();
  if (ranks.rank() % 2 == 1) CHECK(during > 0);
}

TEST_CASE("shard_reducer: a frozen parameter gets no gradient, and hooks of others do not see the sum") {
  mpi::Communicator ranks(patient);
  Generator rng(1);
  ReducedModel model(rng);
  freeze(model, "lstm");
  mpi::ShardReducer<float> reducer(ranks, parameters(model), ranks.count());
  int seen = 0;
  model.readout.bias.register_hook([&](const Variable<float>&) {
    ++seen;
    return Variable<float>();
  });
  reducer.begin(ranks.rank());
  loss_of(model, ranks.rank()).backward();
  reducer.finish();
  CHECK(seen == 1);
  CHECK(model.readout.bias.has_grad());
  CHECK_FALSE(parameters(model, "lstm.weight_hh_l0").front().variable.has_grad());
}

TEST_CASE("shards_of: every shard has one rank, and no rank is without") {
  for (const int shards : {4, 5, 8, 17})
    for (int n = 1; n <= 4; ++n) {
      int next = 0;
      for (int rank = 0; rank < n; ++rank) {
        const auto range = mpi::shards_of(rank, n, shards);
        CHECK(range.first == next);
        CHECK(range.last > range.first);
        next = range.last;
      }
      CHECK(next == shards);
    }
  CHECK(
      error_of<UsageError>([] { mpi::shards_of(0, 3, 2); }) ==
      "shards_of: need a rank in [0, ranks) and as many shards as ranks, or more; got rank 0 of 3, 2 shards");
}

TEST_CASE("shard_reducer: a shard of another rank, and one out of order, are refused") {
  mpi::Communicator ranks(patient);
  Generator rng(1);
  ReducedModel model(rng);
  mpi::ShardReducer<float> reducer(ranks, parameters(model), 8);
  const int last = reducer.mine().last;
  CHECK(error_of<UsageError>([&] { reducer.begin(last); }).find("ShardReducer::begin: need a shard in [") ==
        0);
  reducer.begin(last - 1);
  CHECK(error_of<UsageError>([&] { reducer.begin(last - 1); }).find(fmt::format("got {}", last - 1)) !=
        std::string::npos);
  reducer.finish();
}
