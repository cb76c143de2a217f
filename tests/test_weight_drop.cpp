#include "unroll/layers/weight_drop.hpp"

#include <doctest/doctest.h>

#include <cmath>

#include "cell_checks.hpp"
#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/stream.hpp"
#include "unroll/train/state_dict.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using Dropped = WeightDrop<Lstm<double>>;
constexpr RandomKey drop_key{.seed = 7, .step = 3};

Lstm<double> two_layers(double dropout = 0) {
  Generator rng(1);
  return Lstm<double>(3, 4, {.num_layers = 2, .dropout = dropout}, rng);
}

Dropped dropped_lstm(double p = 0.5) { return Dropped(two_layers(), {.p = p}, drop_key); }

// The same layer with weights that are dropped by hand.
Lstm<double> by_hand(const Lstm<double>& lstm) {
  Lstm<double> copy = clone(lstm);
  RandomKey key = drop_key;
  for (int k = 0; k < 2; ++k, ++key.layer) {
    V w = copy.cell(k).weight_hh;
    const V from = dropout(w, 0.5, key);
    std::copy_n(from.data(), from.size(), w.mutable_data());
  }
  return copy;
}

const V& drop_input() {
  static const V x = random_parameter({5, 2, 3}, 2);
  return x;
}

const std::vector<SequenceOptions>& drop_ways() {
  static const std::vector<SequenceOptions> ways = {
      {},
      {.lengths = {5, 2}},
      {.resets = Indices(Shape{5, 2}, {0, 0, 1, 0, 0, 1, 0, 0, 0, 0})},
      {.segment = 2},
      {.lengths = {4, 5}, .resets = Indices(Shape{5, 2}, {0, 0, 1, 0, 0, 1, 0, 0, 0, 0}), .segment = 2}};
  return ways;
}

}  // namespace

TEST_CASE("weight_drop: one mask holds for a whole call, with lengths, resets and recomputation") {
  const Dropped lstm = dropped_lstm();
  const Lstm<double> plain = by_hand(lstm.layer());
  CHECK(list(plain.cell(0).weight_hh) != list(lstm.layer().cell(0).weight_hh));
  for (const SequenceOptions& way : drop_ways()) {
    Dropped again = lstm;  // with the key of before
    const auto [y, state] = again(drop_input(), way);
    const auto [expected, last] = plain(drop_input(), way);
    CHECK(list(y) == list(expected));
    CHECK(list(state.c) == list(last.c));
    CHECK(again.key().step == lstm.key().step + 1);
    CHECK(list(again(drop_input(), way).output) != list(y));
  }
}

TEST_CASE("weight_drop: gradients flow to the layer's own weights, through the mask") {
  for (const SequenceOptions& way : drop_ways()) {
    const Dropped lstm = dropped_lstm();
    Lstm<double> plain = by_hand(lstm.layer());
    sum(square(lstm(drop_input().detach(), way).output)).backward();
    sum(square(plain(drop_input().detach(), way).output)).backward();
    RandomKey key = drop_key;
    for (int k = 0; k < 2; ++k, ++key.layer) {
      const V raw = lstm.layer().cell(k).weight_hh, full = plain.cell(k).weight_hh;
      std::vector<double> expected = list(dropout(V(full.shape(), 1.0), 0.5, key));
      const std::vector<double> g = gradient_list(full);
      for (std::size_t i = 0; i < g.size(); ++i) expected[i] *= g[i];
      CHECK(distance(gradient_list(raw), expected) < 1e-14);
      CHECK(distance(gradient_list(lstm.layer().cell(k).weight_ih), gradient_list(plain.cell(k).weight_ih)) <
            1e-14);
    }
  }
}

TEST_CASE("weight_drop: in evaluation mode the layer runs as it is, and so does a stream") {
  Dropped lstm = dropped_lstm();
  eval(lstm);
  CHECK(!lstm.training());
  const auto [y, state] = lstm(drop_input());
  CHECK(list(y) == list(lstm.layer()(drop_input()).output));
  CHECK(lstm.key().step == drop_key.step);
  train(lstm);
  auto steps = stream(lstm.layer(), 2);  // whatever the mode
  for (index_t t = 0; t < 5; ++t)
    CHECK(distance(list(steps.step(select(drop_input(), 0, t))), list(select(y, 0, t))) < 1e-14);
  const Dropped none = dropped_lstm(0);
  CHECK(list(none(drop_input()).output) == list(y));
  CHECK(none.key().step == drop_key.step);
}

TEST_CASE("weight_drop: the layer's own dropout goes on from call to call") {
  const Lstm<double> noisy = two_layers(0.5), plain = noisy;
  const Dropped lstm(noisy, {.p = 1e-12}, drop_key);  // which drops next to nothing
  for (int call = 0; call < 3; ++call)
    CHECK(distance(list(lstm(drop_input()).output), list(plain(drop_input()).output)) < 1e-9);
}

TEST_CASE("weight_drop: any cell by name, a whole model, and a layer chosen at run time") {
  Generator rng(2);
  const GruCell<double> cell(3, 4, true, rng);
  const V x = random_parameter({4, 2, 3}, 6);
  const auto loose = drop_weights(cell, {.p = 0.5, .names = {"weight_ih", "bias_hh"}}, drop_key);
  CHECK(loose.weight_hh.same_as(cell.weight_hh));
  CHECK(list(loose.weight_ih) == list(dropout(cell.weight_ih, 0.5, drop_key)));
  const auto [y, h] = scan(loose, x, {.segment = 2});
  CHECK(list(y) == list(scan(loose, x).output));
  const WeightDropOptions half;
  const ScanOptions segments{.segment = 3};
  gradcheck([&](const auto& in) { return scan(drop_weights(cell, half, drop_key), in[0], segments).output; },
            {x});

  const Dropped lstm = dropped_lstm();
  const WeightDrop any(AnyRecurrent<double>(two_layers()), {.p = 0.5}, drop_key);
  CHECK(list(any(drop_input()).output) == list(lstm(drop_input()).output));
  CHECK(names(any) == names(lstm));
  CHECK(names(any) == names(two_layers()));
}

TEST_CASE("weight_drop: a bidirectional stack has a mask for each matrix") {
  Generator rng(3);
  const Gru<double> gru(3, 4, {.num_layers = 2, .bidirectional = true}, rng);
  const auto copy = drop_weights(gru, {.p = 0.5}, drop_key);
  std::vector<std::vector<bool>> masks;
  for (int k = 0; k < 2; ++k)
    for (int d = 0; d < 2; ++d) {
      std::vector<bool> mask;
      for (const double w : list(copy.cell(k, d).weight_hh)) mask.push_back(w == 0);
      for (const auto& other : masks) CHECK(mask != other);
      masks.push_back(mask);
      CHECK(copy.cell(k, d).weight_ih.same_as(gru.cell(k, d).weight_ih));
    }
}

TEST_CASE("weight_drop: the key is saved, so that a model goes on with the same masks") {
  const Dropped lstm = dropped_lstm();
  lstm(drop_input());
  io::TensorFile file("file");
  save_state(lstm, file);
  Dropped other(clone(two_layers()), {.p = 0.5}, RandomKey{.seed = 1});
  load_state(other, file);
  CHECK(list(other(drop_input()).output) == list(lstm(drop_input()).output));
}

TEST_CASE("weight_drop: options and names that do not fit are refused") {
  CHECK_THROWS_WITH_AS(dropped_lstm(1.5), "weight_drop: p must be in [0, 1]; got 1.5", UsageError);
  CHECK_THROWS_AS(dropped_lstm(std::nan("")), UsageError);
  CHECK_THROWS_WITH_AS(Dropped(two_layers(), {.names = {}}), "weight_drop: the list of names is empty",
                       UsageError);
  Generator rng(1);
  CHECK_THROWS_WITH_AS(Dropped(Lstm<double>(3, 4, {.bias = false}, rng), {.names = {"weight_h"}}),
                       "weight_drop: no parameter is called weight_h; there are weight_ih_l0, weight_hh_l0",
                       UsageError);
}
