#include <doctest/doctest.h>

#include "linear_attention_cell.hpp"
#include "unroll/autograd/pool_stats.hpp"
#include "unroll/autograd/threads.hpp"

using namespace unroll;
using namespace unroll::tests;

TEST_CASE("linear attention: decays from 1 to nothing neither overflow nor lose the gradient") {
  for (AttentionCase<double> c : every_rule()) {
    if (c.rule == LinearAttentionRule::linear || c.rule == LinearAttentionRule::delta) continue;
    c.steps = 150;
    c.batch = c.heads = 1;
    c.draw(8);
    Random random(9);
    auto& g = c.x.decay;
    for (index_t i = 0; i < g.size(); ++i) {
      const double kinds[] = {0, -1e-3, -1, -10, -70, -200, -1000};
      g.mutable_data()[i] = kinds[random.below(7)];
    }
    for (index_t chunk : {5, 64}) equals_recurrence(c, chunk);
  }
}

TEST_CASE("linear attention: a state that grows, where that is allowed") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 20;
    c.growth = true;
    c.draw(19);
    if (!c.x.decay) continue;
    for (index_t i = 0; i < c.x.decay.size(); ++i) c.x.decay.mutable_data()[i] += 0.7;  // some are above 0
    equals_recurrence(c, 8);
  }
}

TEST_CASE("linear attention: a decay of −∞ clears the state") {
  AttentionCase<double> c(LinearAttentionRule::gated_delta);
  c.steps = 9;
  c.draw(10);
  for (index_t i = 0; i < 4; ++i)
    c.x.decay.mutable_data()[4 * 4 + i] = -std::numeric_limits<double>::infinity();
  const auto whole = c.chunked(64);
  const auto from = [](const Variable<double>& x) { return slice(x, 0, 4, 9); };
  const auto rest = linear_attention(
      from(c.x.q), from(c.x.k), from(c.x.v),
      {.decay = from(c.x.decay), .beta = from(c.x.beta), .rule = LinearAttentionRule::gated_delta});
  CHECK(distance(list(from(whole.output)), list(rest.output)) < 1e-14);  // the same sums, and terms of 0
  for (const auto& d : gradients_of(c, whole))
    for (double x : list(d)) CHECK(std::isfinite(x));
}

TEST_CASE("linear attention: 100,000 steps in float stay finite, with strong and with weak decay") {
  for (bool keyed : {false, true}) {
    for (double lowest : {-70.0, -1e-6}) {
      AttentionCase<float> c(LinearAttentionRule::gated_delta, keyed);
      c.steps = 100'000;
      c.batch = c.heads = 1;
      c.lowest = lowest;
      c.draw(11);
      const auto run = c.chunked(64);
      const auto finite = [](const Variable<float>& x) {
        const auto all = list(x);
        return std::all_of(all.begin(), all.end(), [](double one) { return std::isfinite(one); });
      };
      CHECK(finite(run.output));
      for (const auto& d : gradients_of(c, run)) CHECK(finite(d));
    }
  }
}

TEST_CASE("linear attention: float agrees with double") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 70;
    c.key_size = 17;
    c.draw(12);
    AttentionCase<float> small(c.rule, c.keyed, c.bonus);
    small.steps = c.steps;
    small.key_size = c.key_size;
    small.draw(12);
    const auto a = small.chunked(32), b = small.chunked(64);
    const auto wide = c.chunked(32);
    CHECK(relative_distance(list(a.output), list(wide.output)) < 2e-5);  // 70 steps of some 1e-7
    CHECK(relative_distance(list(b.state), list(wide.state)) < 2e-5);
    const auto d = gradients_of(small, a);
    const auto wide_d = gradients_of(c, wide);
    for (std::size_t i = 0; i < d.size(); ++i) CHECK(relative_distance(list(d[i]), list(wide_d[i])) < 1e-4);
  }
}

TEST_CASE("linear attention: no bit depends on the number of threads") {
  AttentionCase<float> c(LinearAttentionRule::gated_delta, true);
  c.steps = 200;
  c.batch = 3;
  c.key_size = c.value_size = 16;
  c.lengths = {200, 10, 77};
  c.draw(13);
  std::vector<std::vector<double>> first;
  for (int threads : {1, 2, 3, 5}) {
    set_num_threads(threads);
    const auto run = c.chunked(64);
    std::vector<std::vector<double>> all{list(run.output), list(run.state)};
    for (const auto& d : gradients_of(c, run)) all.push_back(list(d));
    if (first.empty()) first = all;
    CHECK(all == first);
  }
  set_num_threads(1);
}

TEST_CASE("linear attention: what lies beyond a sequence's length is not read") {
  AttentionCase<double> c(LinearAttentionRule::gated_delta);
  c.lengths = {7, 3};
  c.draw(16);
  const auto before = c.chunked(64);
  const auto d_before = gradients_of(c, before);
  for (Variable<double>* x : {&c.x.q, &c.x.k, &c.x.v, &c.x.decay, &c.x.beta}) {
    const index_t step = x->size() / 7;
    for (index_t t = 3; t < 7; ++t)
      std::fill_n(x->mutable_data() + t * step + step / 2, step / 2,
                  std::numeric_limits<double>::quiet_NaN());
  }
  const auto after = c.chunked(64);
  CHECK(list(before.output) == list(after.output));
  CHECK(list(before.state) == list(after.state));
  const auto d_after = gradients_of(c, after);
  for (std::size_t i = 0; i < d_after.size(); ++i) CHECK(list(d_before[i]) == list(d_after[i]));
}

TEST_CASE("linear attention: a NaN does not reach steps before it") {
  for (AttentionCase<double> c : every_rule()) {
    c.steps = 20;
    c.batch = c.heads = 1;
    c.draw(17);
    const auto before = list(slice(c.chunked(64).output, 0, 0, 12));
    std::fill_n(c.x.k.mutable_data() + 12 * 3, 3, std::numeric_limits<double>::quiet_NaN());
    CHECK(list(slice(c.chunked(64).output, 0, 0, 12)) == before);
  }
}

TEST_CASE("linear attention: it keeps one state per chunk, a small part of what the steps keep") {
  AttentionCase<float> c(LinearAttentionRule::gated_delta);
  c.steps = 256;
  c.batch = c.heads = 1;
  c.key_size = c.value_size = 32;
  c.draw(18);
  std::size_t before = pool_stats().in_use;
  const auto run = c.chunked(64);
  const std::size_t chunked = pool_stats().in_use - before;
  const std::size_t arrays = (256 * 32 + 32 * 32) * sizeof(float), states = 4 * 32 * 32 * sizeof(float);
  CHECK(chunked >= arrays + states);
  CHECK(chunked < arrays + states + 16384);  // rounded up to the pool's sizes, and a node
  before = pool_stats().in_use;
  const auto plain = c.plain();
  CHECK(pool_stats().in_use - before > 20 * chunked);  // two arrays of the state's size per step at least
}
