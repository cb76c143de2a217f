#include "unroll/layers/recurrent.hpp"

#include <doctest/doctest.h>

#include <limits>

#include "arrays.hpp"
#include "unroll/autograd/gradcheck.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/cell_stack.hpp"
#include "unroll/layers/deep_transition.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/pooling.hpp"
#include "unroll/layers/stream.hpp"

// Everything around a cell, for a user's cell that has a step, a size and parameters.

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
using Vs = std::vector<V>;
constexpr index_t steps = 4, batch = 3, hidden = 2;
const Indices ragged = {2, 4, 0};

struct OwnCell {
  using State = V;
  V w, u;
  explicit OwnCell(index_t input, std::uint64_t seed = 1)
      : w(random_parameter({hidden, input}, seed)), u(random_parameter({hidden, hidden}, seed + 100)) {}
  index_t hidden_size() const { return hidden; }
  V step(const V& x, const V& h) const { return tanh(linear(x, w) + linear(h, u)); }
  void visit(auto&& v) { v("w", w), v("u", u); }
};

/// Puts out its input, so that the layer above shows what a mask let through.
struct Constant {
  using State = V;
  index_t hidden_size() const { return 8; }
  V step(const V& x, const V&) const { return x * 1.0; }
  void visit(auto&&) {}
};

Recurrent<OwnCell> own(const RecurrentOptions& options) {
  std::uint64_t seed = 1;
  return {3, [&](index_t input) { return OwnCell(input, seed++); }, options};
}

template <class M>
Vs leaves_of(const M& module, Vs others) {
  for (const auto& p : parameters(module)) others.push_back(p.variable);
  return others;
}

const V xs = random_parameter({steps, batch, 3}, 50);

}  // namespace

TEST_CASE("recurrent: a user's cell in a stack is the scans one after another") {
  const auto net = own({.num_layers = 3});
  const V h0 = random_parameter({3, batch, hidden}, 60);
  V y = xs;
  Vs last;
  for (int k = 0; k < 3; ++k) {
    const auto r = scan(net.cell(k), y, select(h0, 0, k), {.lengths = ragged});
    y = r.output;
    last.push_back(r.state);
  }
  const auto r = net(xs, h0, {.lengths = ragged});
  CHECK(list(r.output) == list(y));
  CHECK(list(r.state) == list(stack(last)));
  CHECK(parameters(net)[2].name == "w_l1");
}

TEST_CASE("recurrent: both directions, merged in every way, ragged") {
  const V h0 = random_parameter({2, batch, hidden}, 61);
  const auto concat_net = own({.bidirectional = true});
  const V f = scan(concat_net.cell(0, 0), xs, select(h0, 0, 0), {.lengths = ragged}).output,
          b = scan(concat_net.cell(0, 1), xs, select(h0, 0, 1), {.reverse = true, .lengths = ragged}).output;
  CHECK(list(concat_net(xs, h0, {.lengths = ragged}).output) == list(concat<double>({f, b}, 2)));
  CHECK(list(own({.bidirectional = true, .merge = Merge::sum})(xs, h0, {.lengths = ragged}).output) ==
        list(V(f + b)));
  CHECK(list(own({.bidirectional = true, .merge = Merge::mean})(xs, h0, {.lengths = ragged}).output) ==
        list(V((f + b) * 0.5)));
  auto product = own({.bidirectional = true, .merge = Merge::sum});
  product.merge_with([](const V& x, const V& y) -> V { return x * y; });
  CHECK(list(product(xs, h0, {.lengths = ragged}).output) == list(V(f * b)));
}

TEST_CASE("recurrent: every option passes the gradient check") {
  const RecurrentOptions options[] = {
      {.num_layers = 2, .bidirectional = true},
      {.num_layers = 2, .bidirectional = true, .merge = Merge::mean},
      {.num_layers = 3, .residual = true},
      {.num_layers = 2, .dropout = 0.4, .variational = true, .recurrent_dropout = 0.3, .zoneout = 0.2},
      {.num_layers = 2, .learn_initial_state = true}};
  for (const RecurrentOptions& o : options)
    for (const Indices& lengths : {Indices(), ragged})
      for (index_t segment : {0, 3}) {
        auto net = own(o);
        for (auto& p : parameters(net, [](std::string_view name) { return name.starts_with("initial"); }))
          p.variable.update([](auto& v) { v += 0.3; });
        const auto f = [&](const Vs&) {
          const Recurrent<OwnCell> same = net;  // the masks of the first call, each time
          const auto r = same(xs, {.lengths = lengths, .segment = segment});
          return Vs{r.output, r.state};
        };
        gradcheck(f, leaves_of(net, {xs}));
      }
}

TEST_CASE("recurrent: what is said of the sequences needs no state before it") {
  const auto net = own({});
  CHECK(list(net(xs, {.lengths = ragged}).output) == list(net(xs, {}, {.lengths = ragged}).output));
  CHECK(list(net(xs, {}).output) == list(net(xs).output));  // {} is a state
  Generator rng(4);
  const Lstm<double> lstm(3, 2, {}, rng);
  CHECK(list(lstm(xs, {.lengths = ragged}).state.c) == list(lstm(xs, {}, {.lengths = ragged}).state.c));
  CHECK(list(lstm(xs, {}).output) == list(lstm(xs).output));
  const SequenceOptions sequences{.lengths = ragged};
  CHECK(list(lstm(xs, sequences).output) == list(lstm(xs, {}, sequences).output));
}

TEST_CASE("recurrent: options stand in PyTorch's order, then our own") {
  const RecurrentOptions o{.num_layers = 2,
                           .bias = true,
                           .batch_first = false,
                           .dropout = 0,
                           .bidirectional = true,
                           .variational = false};
  CHECK(own(o).num_layers() == 2);
  CHECK(own(o).directions() == 2);
}

TEST_CASE("recurrent: batch_first swaps inputs, outputs and resets, and nothing else") {
  const Indices resets({steps, batch}, {0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0});
  const Indices swapped({batch, steps}, {0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0});
  const auto a = own({.bidirectional = true})(xs, {.lengths = ragged, .resets = resets});
  const auto b = own({.batch_first = true, .bidirectional = true})(permute(xs, {1, 0, 2}), {},
                                                                   {.lengths = ragged, .resets = swapped});
  CHECK(list(permute(b.output, {1, 0, 2})) == list(a.output));
  CHECK(list(b.state) == list(a.state));
}

TEST_CASE("recurrent: a residual stack adds each layer's input, and padding stays zero even where x is NaN") {
  V x = random_parameter({steps, batch, hidden}, 51);
  std::uint64_t seed = 1;
  const Recurrent net(hidden, [&](index_t input) { return OwnCell(input, seed++); },
                      {.num_layers = 2, .residual = true});
  const V h0({2, batch, hidden}, 0.0);
  const V first = scan(net.cell(0), x, select(h0, 0, 0)).output + x;
  const V second = scan(net.cell(1), first, select(h0, 0, 1)).output + first;
  CHECK(list(net(x).output) == list(second));
  const auto clean = list(net(x, {.lengths = ragged}).output);
  for (index_t i = 0; i < hidden; ++i)
    x.mutable_data()[(3 * batch + 0) * hidden + i] = std::nan("");  // row 0 has ended
  CHECK(list(net(x, {.lengths = ragged}).output) == clean);
  CHECK(clean[static_cast<std::size_t>((3 * batch + 0) * hidden)] == 0);
}

TEST_CASE("recurrent: a learned initial state is a parameter and is what resets go back to") {
  auto net = own({.num_layers = 2, .learn_initial_state = true});
  CHECK(parameters(net, "initial_h").size() == 1);
  CHECK(parameters(net, "initial_h")[0].variable.shape() == Shape{2, 1, hidden});
  CHECK(list(net(xs).output) == list(own({.num_layers = 2})(xs).output));
  parameters(net, "initial_h")[0].variable.update([](auto& v) { v += 0.5; });
  const Indices at_once({steps, batch}, std::vector<std::int64_t>(steps * batch, 1));
  const V h0({2, batch, hidden}, 9.0);
  CHECK(list(select(net(xs, h0, {.resets = at_once}).output, 0, 2)) ==
        list(select(net(slice(xs, 0, 2, 3)).output, 0, 0)));
}

TEST_CASE("recurrent: variational dropout drops the same elements at every step") {
  const Recurrent net(8, [](index_t) { return Constant(); },
                      {.num_layers = 2, .dropout = 0.5, .variational = true});
  const auto y = list(net(V({steps, batch, 8}, 1.0)).output);
  for (std::size_t i = 0; i < y.size(); ++i) {
    CHECK((y[i] == 0 || y[i] == 2));
    CHECK(y[i] == y[i % (batch * 8)]);
  }
  CHECK(list(net(V({steps, batch, 8}, 1.0)).output) != y);  // another mask for another sequence
}

TEST_CASE("outputs: last, mean and maximum over the true length; empty sequences") {
  const auto net = own({.num_layers = 2, .bidirectional = true});
  const V h0 = random_parameter({4, batch, hidden}, 62);
  const auto r = net(xs, h0, {.lengths = ragged});
  const V last = net.last(r);
  CHECK(last.shape() == Shape{batch, 2 * hidden});
  for (index_t i = 0; i < hidden; ++i) {
    const auto at = [&](const V& v, index_t k) { return v.data()[k]; };
    CHECK(at(last, 0 * 4 + i) == at(r.output, (1 * batch + 0) * 4 + i));          // forward: its step 1
    CHECK(at(last, 1 * 4 + 2 + i) == at(r.output, (0 * batch + 1) * 4 + 2 + i));  // backward: step 0
    CHECK(at(last, 2 * 4 + i) == at(h0, (2 * batch + 2) * hidden + i));           // empty: the initial state
    CHECK(at(last, 2 * 4 + 2 + i) == at(h0, (3 * batch + 2) * hidden + i));
  }
  const V y = values({2, 3, 1}, {1, 2, 3, 5, 6, 7});
  CHECK(list(mean_over_time(y, {1, 2, 0})) == std::vector{1.0, 4.0, 0.0});
  CHECK(list(mean_over_time(y)) == std::vector{3.0, 4.0, 5.0});
  CHECK(list(max_over_time(y, {1, 2, 1})) == std::vector{1.0, 6.0, 3.0});
  CHECK_THROWS_WITH_AS(max_over_time(y, {1, 2, 0}), "max_over_time: sequence 2 is empty and has no maximum",
                       UsageError);
  CHECK_THROWS_AS(mean_over_time(y, {1, 2}), ShapeError);
  CHECK_THROWS_WITH_AS(mean_over_time(y, {1, 2, 3}),
                       "mean_over_time: need lengths from 0 to 2, the number of time steps; sequence 2 has 3",
                       IndexError);
  CHECK_THROWS_WITH_AS(max_over_time(y, {1, -1, 1}),
                       "max_over_time: need lengths from 0 to 2, the number of time steps; sequence 1 has -1",
                       IndexError);
  gradcheck(
      [&](const Vs&) {
        return Vs{mean_over_time(y, {1, 2, 0}), max_over_time(y, {1, 2, 1}), mean_over_time(y)};
      },
      {y});
}

TEST_CASE("deep transition: the cells of one step, one after another, as a cell of any stack") {
  Generator rng(4);
  using Deep = DeepTransition<GruCell<double>, 2>;
  const Recurrent<Deep> net(3, hidden, {.num_layers = 2}, rng);
  CHECK(parameters(net)[0].name == "transition0.weight_ih_l0");
  const V h0 = random_parameter({2, batch, hidden}, 63);
  const auto& c = net.cell(0).cells;
  V h = select(h0, 0, 0);
  h = c[0].step(c[0].project(select(xs, 0, 0)), h);
  h = c[1].step(c[1].project(h), h);
  const Recurrent<Deep> one = [&] {
    Generator again(4);
    return Recurrent<Deep>(3, hidden, {}, again);
  }();
  CHECK(distance(list(select(one(xs, slice(h0, 0, 0, 1)).output, 0, 0)), list(h)) < 1e-15);
  gradcheck([&](const Vs&) { return net(xs, h0, {.lengths = ragged}).output; }, leaves_of(net, {xs, h0}));
}

TEST_CASE_TEMPLATE("stream: equals the layer step by step, and asks the system for nothing", Net,
                   Lstm<double>, Gru<double>) {
  Generator rng(7);
  Net net(3, 8, {.num_layers = 2, .dropout = 0.5, .zoneout = 0.2, .residual = true}, rng);
  eval(net);
  const V y = net(xs).output;
  auto s = stream(net, batch);
  for (int round = 0; round < 2; ++round) {
    for (index_t t = 0; t < steps; ++t) {
      const V x = V(select(xs, 0, t)).copy();
      const V h = s.step(x);
      // One row at a time sums in another order than a whole projection.
      CHECK(distance(list(h), list(select(y, 0, t))) < 1e-12);
    }
    s.reset();
  }
  const V x = V(select(xs, 0, 0)).copy();
  const auto before = pool_stats();
  for (int k = 0; k < 1000; ++k) s.step(x);
  CHECK(pool_stats().system_allocations == before.system_allocations);
  CHECK(pool_stats().in_use == before.in_use);
}

TEST_CASE("recurrent: an empty layer, and what does not fit, is reported") {
  Lstm<double> empty;
  CHECK(empty.hidden_size() == 0);
  CHECK(empty.output_size() == 0);
  CHECK(empty.state_size() == 0);
  CHECK_THROWS_WITH_AS(empty(xs), "recurrent: the layer is empty; assign a constructed one first",
                       UsageError);
  CHECK_THROWS_AS(empty.initial_state(2), UsageError);
  const auto net = own({});
  CHECK_THROWS_WITH_AS(net(V({4, 2}, 0.0)), "recurrent: need x (T, B, 3); got (4, 2)", ShapeError);
  CHECK_THROWS_AS(net(xs, V({1, 2, hidden}, 0.0)), ShapeError);
  CHECK_THROWS_AS(net(xs, {.lengths = {1, 2}}), ShapeError);
  const auto stacked = [](int layers) {
    return Recurrent(3, [=](index_t input) { return CellStack<ElmanCell<double>>(input, hidden, layers); });
  };
  CHECK_THROWS_WITH_AS(stacked(2)(xs, stacked(1).initial_state(batch)),
                       "recurrent: need a state of 2 members; got 1", ShapeError);
  CHECK_THROWS_WITH_AS(CellStack<ElmanCell<double>>().initial_state(2),
                       "cell stack: the layer is empty; assign a constructed one first", UsageError);
  CHECK_THROWS_WITH_AS(Gru<double>(0, 4), "recurrent: need input from 1 to 2^40; got 0", ShapeError);
  CHECK_THROWS_WITH_AS(Gru<double>(4, -1), "recurrent: need hidden from 1 to 2^40; got -1", ShapeError);
  CHECK_THROWS_AS(own({.num_layers = 0}), UsageError);
  CHECK_THROWS_WITH_AS(own({.num_layers = 1000000}), "recurrent: need num_layers ≤ 65536; got 1000000",
                       UsageError);
  CHECK_THROWS_AS(stacked(std::numeric_limits<int>::max()), UsageError);
  constexpr index_t most = std::numeric_limits<index_t>::max();
  CHECK_THROWS_AS(length_mask<double>(Indices(Shape{0}, std::vector<std::int64_t>{}), most), UsageError);
  CHECK_THROWS_AS(length_mask<double>({1, 2}, -1), UsageError);
  CHECK_THROWS_WITH_AS(net.cell(1), "recurrent: there is no cell at layer 1, direction 0; there are 1 and 1",
                       IndexError);
  CHECK_THROWS_WITH_AS(own({.batch_first = true})(xs, {.resets = {1, 0}}),
                       "recurrent: need resets (B, T); got (2,)", ShapeError);
  CHECK_THROWS_AS(own({.zoneout = 1.5}), UsageError);
  CHECK_THROWS_WITH_AS(own({.bidirectional = true, .merge = static_cast<Merge>(3)})(xs),
                       "recurrent: unknown way to merge", UsageError);
  CHECK_THROWS_AS(stream(own({.bidirectional = true})), UsageError);
  CHECK_THROWS_AS(stream(net).step(V({2, 3}, 0.0)), ShapeError);
}
