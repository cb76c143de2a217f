/// \file Training by shards: the same bits in any number of processes.

#include <doctest/doctest.h>

#include "arrays.hpp"
#include "temporary_folder.hpp"
#include "thread_peers.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/train/loop.hpp"
#include "unroll/train/model_task.hpp"
#include "unroll/train/shards.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

constexpr index_t steps = 4, inputs = 3, hidden = 5;

struct ShardedModel {
  using value_type = float;
  Lstm<float> lstm;
  Dropout<float> dropout;
  Linear<float> readout;

  ShardedModel(double p, Generator rng)
      : lstm(inputs, hidden, {}, rng), dropout(p, rng), readout(hidden, 1, {}, rng) {}
  template <class V>
  void visit(V&& v) {
    v("lstm", lstm);
    v("dropout", dropout);
    v("readout", readout);
  }
};

/// Rows [first, last) of step `number`'s batch.
Variable<float> batch_of(std::int64_t number, std::int64_t first, std::int64_t last) {
  Generator rng(static_cast<std::uint64_t>(100 + number));
  Variable<float> whole(Shape{steps, 64, inputs}, 0.F);
  rng.fill_normal(std::span(whole.mutable_data(), static_cast<std::size_t>(whole.size())), 0, 1);
  return slice(whole, 1, first, last).copy();
}

struct ShardedTask final : ModelTask<ShardedModel> {
  ShardedTask(double dropout, const LearningOptions& options = {.lr = 0.01, .clip = 0.5})
      : ModelTask(ShardedModel(dropout, Generator(7)), options) {}

  std::int64_t steps_per_epoch() const override { return 3; }
  StepResult train_step(std::int64_t epoch, std::int64_t index) override {
    const std::int64_t number = epoch * 3 + index;
    const auto loss = [&](const ShardedModel& m, std::int64_t first, std::int64_t last) {
      const Variable<float> y = m.readout(m.dropout(m.lstm(batch_of(number, first, last)).output));
      return mse(y, Variable<float>(y.shape(), 0.5F));
    };
    if (!shards) return learn(steps * batch, [&](const ShardedModel& m) { return loss(m, 0, batch); });
    return learn(*shards, [&](const ShardedModel& m, int shard) -> ShardLoss<float> {
      ++computed;
      const auto rows = shards->rows(shard, batch);
      if (rows.count() == 0) return {};
      return {loss(m, rows.first, rows.last), static_cast<double>(rows.count() * steps)};
    });
  }
  std::optional<Evaluation> evaluate() override {
    ++evaluated;
    return Evaluation{1.0 / evaluated};
  }
  void observe(const Evaluation&) override { ++observed; }
  void save(const LoopState&, bool) override { ++saved; }
  void help_save() override { ++helped; }

  std::vector<float> weights() const {
    std::vector<float> all;
    for (const auto& p : parameters(model_))
      all.insert(all.end(), p.variable.data(), p.variable.data() + p.variable.size());
    return all;
  }

  std::optional<Shards> shards;
  std::int64_t batch = 10;
  int computed = 0, evaluated = 0, observed = 0, saved = 0, helped = 0;
};

/// Where a loop's progress goes.
struct Output {
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  ~Output() { std::fclose(file); }
  std::FILE* file = std::fopen("/dev/null", "w");
};

/// The weights after six steps in `ranks` processes, of each of them.
std::vector<std::vector<float>> trained(int ranks, int shards, std::int64_t batch, double dropout) {
  std::vector<std::vector<float>> weights(static_cast<std::size_t>(ranks));
  with_peers(ranks, [&](Peers& peers) {
    ShardedTask task(dropout);
    task.batch = batch;
    task.shards.emplace(shards, &peers);
    for (int k = 0; k < 6; ++k) task.train_step(k / 3, k % 3);
    weights[static_cast<std::size_t>(peers.rank())] = task.weights();
  });
  return weights;
}

}  // namespace

TEST_CASE("shards: rows and shards divide what there is, in order") {
  for (int count : {1, 3, 8}) {
    for (std::int64_t batch : {0, 1, 5, 8, 50}) {
      std::int64_t at = 0;
      const Shards shards(count);
      for (int s = 0; s < count; ++s) {
        const auto rows = shards.rows(s, batch);
        CHECK(rows.first == at);
        CHECK(rows.count() >= batch / count);
        CHECK(rows.count() <= batch / count + 1);
        at = rows.last;
      }
      CHECK(at == batch);
    }
  }
  CHECK(Shards(3).rows(2, std::numeric_limits<std::int64_t>::max()).last ==
        std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("shards: the sum goes along one tree, whatever the number of processes") {
  // In another order these floats add up to something else.
  const std::vector<float> x = {1e7F, -1e7F, 0.3F, 0.4F, 1e7F, 0.2F, -1e7F};
  const float want = ((x[0] + x[1]) + (x[2] + x[3])) + ((x[4] + x[5]) + x[6]);
  REQUIRE(want != ((((((x[0] + x[1]) + x[2]) + x[3]) + x[4]) + x[5]) + x[6]));
  for (int ranks = 1; ranks <= 7; ++ranks) {
    CAPTURE(ranks);
    std::vector<float> got(static_cast<std::size_t>(ranks));
    std::vector<std::vector<int>> own(got.size());
    with_peers(ranks, [&](Peers& peers) {
      const Shards shards(7, &peers);
      const auto rank = static_cast<std::size_t>(peers.rank());
      const auto total = shards.sum<float>([&](int s) -> ShardPart<float> {
        own[rank].push_back(s);
        return {{x[static_cast<std::size_t>(s)]}, {1}};
      });
      got[rank] = total.values[0] + static_cast<float>(total.counts[0] - 7);
    });
    int next = 0;
    for (std::size_t rank = 0; rank < got.size(); ++rank) {
      CHECK(got[rank] == want);
      for (int s : own[rank]) CHECK(s == next++);
    }
    CHECK(next == 7);
  }
}

TEST_CASE("shards: training has the same bits in any number of processes") {
  for (double dropout : {0.0, 0.4}) {
    for (const auto& [shards, batch] : {std::pair{4, 10}, {8, 5}, {8, 16}}) {
      const std::vector<float> alone = trained(1, shards, batch, dropout)[0];
      for (int ranks = 2; ranks <= 4; ++ranks)
        for (const auto& weights : trained(ranks, shards, batch, dropout)) CHECK(weights == alone);
      CHECK(alone != trained(1, shards, batch, dropout + 0.1)[0]);
    }
  }
}

TEST_CASE("shards: the update is that of the whole batch") {
  ShardedTask whole(0), cut(0);
  whole.batch = cut.batch = 11;
  cut.shards.emplace(4);
  for (int k = 0; k < 6; ++k) {
    const StepResult a = whole.train_step(k / 3, k % 3), b = cut.train_step(k / 3, k % 3);
    CHECK(b.symbols == a.symbols);
    CHECK(b.loss == doctest::Approx(a.loss).epsilon(1e-5));  // sums of 44 floats in another order
    CHECK(b.gradient_norm == doctest::Approx(a.gradient_norm).epsilon(1e-4));
    CHECK(b.clipped == a.clipped);
  }
  const std::vector<float> a = whole.weights(), b = cut.weights();
  // Adam divides by the root of tiny squares: relative errors of gradients become absolute ones of lr's size.
  for (std::size_t k = 0; k < a.size(); ++k) CHECK(b[k] == doctest::Approx(a[k]).epsilon(1e-3));
}

TEST_CASE("shards: each draws its own dropout, and each step another") {
  ShardedTask task(0.5);
  task.shards.emplace(2);
  const auto key = [&] { return task.model().dropout.key(); };
  const std::uint64_t before = key().step, seed = key().seed;
  task.train_step(0, 0);
  CHECK(key().step > before);
  CHECK(key().seed == seed);
  Dropout<float> a = task.model().dropout, b = a;
  detail::take_keys_of_shard(detail::members(b), 1);
  const Variable<float> ones(Shape{64}, 1.F);
  CHECK(list(a(ones)) != list(b(ones)));
}

TEST_CASE("shards: the loop of process 0 leads the others") {
  std::vector<int> evaluated(3), observed(3), helped(3), computed(3);
  std::vector<std::vector<float>> weights(3);
  int saved = 0;
  const TemporaryFolder folder;
  const Output out;
  with_peers(3, [&](Peers& peers) {
    const auto rank = static_cast<std::size_t>(peers.rank());
    ShardedTask task(0.1);
    task.shards.emplace(4, &peers);
    if (rank > 0) {
      follow_loop(task, peers, [] { return false; });
    } else {
      Progress progress(out.file);
      MetricsLog log = MetricsLog::create((folder / "log").string(), {});
      TrainingLoop loop({.steps_per_epoch = 3, .epochs = 2, .peers = &peers}, {}, task, progress, log);
      CHECK(loop.run([] { return false; }) == LoopEnd::complete);
      lead(&peers, SharedAction::end);
      saved = task.saved;
    }
    evaluated[rank] = task.evaluated, observed[rank] = task.observed, helped[rank] = task.helped;
    computed[rank] = task.computed;
    weights[rank] = task.weights();
  });
  CHECK(evaluated == std::vector{2, 2, 2});
  CHECK(observed == std::vector{2, 2, 2});
  CHECK(helped == std::vector{0, saved, saved});
  CHECK(computed == std::vector{6, 6, 12});  // shards 0 | 1 | 2, 3
  CHECK(weights[1] == weights[0]);
  CHECK(weights[2] == weights[0]);
}

TEST_CASE("shards: any process can ask to stop") {
  int steps_made = 0;
  const TemporaryFolder folder;
  const Output out;
  with_peers(2, [&](Peers& peers) {
    ShardedTask task(0);
    task.shards.emplace(2, &peers);
    if (peers.rank() == 1) {
      follow_loop(task, peers, [&] { return task.computed == 2; });
      return;
    }
    Progress progress(out.file);
    MetricsLog log = MetricsLog::create((folder / "log").string(), {});
    TrainingLoop loop({.steps_per_epoch = 3, .epochs = 9, .peers = &peers}, {}, task, progress, log);
    CHECK(loop.run([] { return false; }) == LoopEnd::stopped);
    lead(&peers, SharedAction::end);
    steps_made = static_cast<int>(loop.state().step);
  });
  CHECK(steps_made == 2);
}

TEST_CASE("shards: errors name what does not fit") {
  CHECK_THROWS_WITH_AS(Shards(0), "shards: need at least 1; got 0", UsageError);
  CHECK_THROWS_WITH_AS(with_peers(3, [](Peers& peers) { Shards(2, &peers); }),
                       "shards: 2 shards give 3 processes nothing to do; need a shard for each", UsageError);
  const auto uneven = [](int s) -> ShardPart<float> {
    return {std::vector<float>(static_cast<std::size_t>(s), 1.F), {}};
  };
  CHECK_THROWS_WITH_AS(Shards(2).sum<float>(uneven),
                       "shards: need parts of one size; got 0 values and 0 counts, and 1 and 0", UsageError);
  ShardedTask task(0);
  task.shards.emplace(2);
  task.batch = 0;
  CHECK_THROWS_WITH_AS(task.train_step(0, 0), "learner: none of 2 shards has a symbol", UsageError);
}
