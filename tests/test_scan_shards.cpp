#include <doctest/doctest.h>

#include "arrays.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/layers/deep_transition.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/layer_norm_gru.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"
#include "unroll/layers/skip_rnn.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using V = Variable<double>;
constexpr index_t T = 20, B = 26, I = 40, H = 40;  // enough work to be divided

class Threads {
 public:
  explicit Threads(int count) { set_num_threads(count); }
  ~Threads() { set_num_threads(1); }
};

Indices uneven_lengths() {
  std::vector<std::int64_t> lengths;
  for (index_t b = 0; b < B; ++b) lengths.push_back((7 * b) % (T + 1));
  lengths[3] = T;
  return {Shape{B}, lengths};
}

struct Results {
  std::vector<V> arrays;
  std::size_t nodes;  // on the tape of the thread that called
};

// Outputs, last states, and all gradients, by so many threads.
template <class Net>
Results run(const Net& net, int threads, const SequenceOptions& sequences = {}) {
  const Threads set(threads);
  V x = random_parameter<double>({T, B, net.input_size()}, 1);
  auto start = net.initial_state(B);
  std::uint64_t seed = 2;
  std::vector<V> arrays, begins;
  start = map_state(start, [&](const V& v) {
    begins.push_back(random_parameter<double>(v.shape(), seed++));
    return begins.back();
  });
  zero_grad(net);
  const std::uint64_t before = tape_stats<double>().recorded;
  const auto [y, last] = net(x, start, sequences);
  const std::size_t nodes = tape_stats<double>().recorded - before;
  V loss = sum(y * random_parameter<double>(y.shape(), 20).detach());
  for (const V& v : detail::members_of(last)) {
    loss = loss + sum(v * random_parameter<double>(v.shape(), 21).detach());
    arrays.push_back(v);
  }
  loss.backward();
  arrays.push_back(y);
  arrays.push_back(V(x.grad()));
  for (const V& v : begins) arrays.push_back(V(v.grad()));
  for (const auto& p : parameters(net)) arrays.push_back(V(p.variable.grad()));
  return {arrays, nodes};
}

double max_difference(const V& a, const V& b) { return distance(list(a), list(b)); }

double largest_difference(const Results& a, const Results& b) {
  REQUIRE(a.arrays.size() == b.arrays.size());
  double worst = 0;
  for (std::size_t k = 0; k < a.arrays.size(); ++k) {
    REQUIRE(a.arrays[k].shape() == b.arrays[k].shape());
    worst = std::max(worst, max_difference(a.arrays[k], b.arrays[k]));
  }
  return worst;
}

template <class Net>
void check_divided(const Net& net) {
  // Sums of some hundred products of order 1 in another order.
  constexpr double rounding = 1e-11;
  for (const SequenceOptions& sequences : {SequenceOptions{}, SequenceOptions{.lengths = uneven_lengths()}}) {
    const Results one = run(net, 1, sequences), two = run(net, 2, sequences), three = run(net, 3, sequences);
    CHECK(two.nodes < one.nodes / 2);  // it was divided
    CHECK(largest_difference(one, two) < rounding);
    CHECK(largest_difference(one, three) < rounding);
    CHECK(largest_difference(two, run(net, 2, sequences)) == 0.0);
  }
}

RecurrentOptions both_ways() { return {.num_layers = 2, .bidirectional = true}; }

// Mixes the rows of the batch, and gives no word that it does not.
struct MixingCell {
  using value_type = double;
  using State = V;
  V w;
  index_t hidden_size() const { return H; }
  V step(const V& x, const V& h) const { return tanh(x + linear(h, w) + mean(h, 0, {.keepdims = true})); }
  template <class Visitor>
  void visit(Visitor&& v) {
    v("w", w);
  }
};

// What its step reads has been computed from another parameter.
struct ComputedCell : MixingCell {
  static constexpr bool row_wise = true;
  V step(const V& x, const V& h) const { return tanh(x + linear(h, w)); }
};

struct ThrowingCell : ComputedCell {
  V step(const V& x, const V& h) const {
    if (x.data()[0] > 1e3) raise<DataError>("the cell refuses {}", x.shape().str());
    return ComputedCell::step(x, h);
  }
};

V square_matrix(std::uint64_t seed) { return random_parameter<double>({H, H}, seed, -0.2, 0.2); }

}  // namespace

TEST_CASE("scan: every cell divided over threads gives what one thread gives") {
  Generator rng(4);
  check_divided(Elman<double>(I, 80, both_ways(), rng));
  check_divided(Lstm<double>(I, H, both_ways(), rng));
  check_divided(LstmPeephole<double>(I, H, {}, rng));
  check_divided(LstmProjection<double>(I, H, 20, {}, rng));
  check_divided(LayerNormLstm<double>(I, H, {}, rng));
  check_divided(Gru<double>(I, H, both_ways(), rng));
  check_divided(GruResetBefore<double>(I, H, {}, rng));
  check_divided(LayerNormGru<double>(I, H, {}, rng));
  check_divided(Recurrent<DeepTransition<GruCell<double>, 2>>(I, H, {}, rng));
}

TEST_CASE("scan: divided over threads, the bits are the same whichever threads there are") {
  using Whom = detail::PartsGoTo::Whom;
  Generator rng(8);
  const Lstm<double> net(I, H, both_ways(), rng);
  const Results expected = run(net, 3);
  for (const Whom whom : {Whom::whoever_is_free, Whom::caller, Whom::helpers, Whom::last_to_caller}) {
    const detail::PartsGoTo scope(whom);
    CHECK(largest_difference(run(net, 3), expected) == 0.0);
  }
}

TEST_CASE("scan: the threads' products are counted, and as many as those of one") {
  Generator rng(4);
  const Lstm<double> net(I, H, {}, rng);
  const auto flops = [&](int threads) {
    const auto before = blas::counters().flops;
    run(net, threads, {.lengths = uneven_lengths()});
    return blas::counters().flops - before;
  };
  CHECK(flops(2) == flops(1));
}

TEST_CASE("scan: divided over threads, an embedding's table gets its gradient") {
  Generator rng(5);
  const Lstm<double> net(I, H, {}, rng);
  std::vector<std::int64_t> tokens;
  for (index_t k = 0; k < T * B; ++k) tokens.push_back((k * k) % 11);
  const Indices indices({T, B}, tokens);
  const auto gradients = [&](int threads) {
    const Threads set(threads);
    V table = random_parameter<double>({11, I}, 6);
    zero_grad(net);
    sum(square(net(embedding(table, indices)).output)).backward();
    return std::vector<V>{V(table.grad()), V(parameters(net)[0].variable.grad())};
  };
  const auto one = gradients(1), two = gradients(2);
  for (std::size_t k = 0; k < 2; ++k) CHECK(max_difference(one[k], two[k]) < 1e-11);  // sums of 500 products
}

TEST_CASE("scan: divided over threads, without a tape, retained, and for some inputs only") {
  Generator rng(6);
  const Gru<double> net(I, H, {}, rng);
  const Threads two(2);
  V x = random_parameter<double>({T, B, I}, 7);
  const V y = net(x).output;
  {
    const NoGrad off;
    CHECK(max_difference(net(x).output, y) == 0.0);
  }
  const V loss = sum(square(y));
  const V once = grad(loss, x, {.retain_graph = true});
  const V w = parameters(net)[1].variable;
  loss.backward(true);
  CHECK(max_difference(V(x.grad()), once) == 0.0);
  const V first(w.grad());
  loss.backward();
  CHECK(max_difference(V(w.grad()), V(first + first)) < 1e-14);  // the second product adds to the first
  CHECK_THROWS_WITH_AS(loss.backward(), doctest::Contains("released"), UsageError);
}

TEST_CASE("scan: divided over threads, a parameter's hook sees one gradient, the whole") {
  Generator rng(7);
  const Gru<double> net(I, H, {}, rng);
  const Threads two(2);
  const V x = random_parameter<double>({T, B, I}, 7).detach();
  V w = parameters(net)[1].variable;
  int calls = 0;
  V seen;
  w.register_hook([&](const V& g) {
    ++calls;
    seen = g.copy();
    return V();
  });
  sum(square(net(x).output)).backward();
  CHECK(calls == 1);
  CHECK(max_difference(seen, V(w.grad())) == 0.0);
}

TEST_CASE("scan: a cell that mixes rows is not divided") {
  MixingCell mixing;
  mixing.w = square_matrix(1);
  const Recurrent<MixingCell> net(H, [&](index_t) { return mixing; });
  CHECK(largest_difference(run(net, 1), run(net, 2)) == 0.0);
}

TEST_CASE("scan: weights that were computed pass their gradient on") {
  const auto gradient = [](int threads) {
    const Threads set(threads);
    V source = square_matrix(2);
    ComputedCell cell;
    cell.w = V(0.5 * tanh(source));
    const V x = random_parameter<double>({8 * T, B, H}, 3).detach();
    const auto run = scan(cell, x, V({B, H}, 0.0));
    sum(square(run.output)).backward();
    return V(source.grad());
  };
  CHECK(max_difference(gradient(1), gradient(2)) < 1e-11);  // sums of 2,000 products
}

TEST_CASE("scan: what a cell throws on a thread reaches the caller, and the tape is as it was") {
  ThrowingCell cell;
  cell.w = square_matrix(2);
  const Threads two(2);
  V x = random_parameter<double>({8 * T, B, H}, 3).detach();
  x.mutable_data()[(3 * T * B + B - 1) * H] = 1e4;  // not the first number of the second thread's rows
  const std::size_t live = tape_stats<double>().live;
  CHECK_NOTHROW(scan(cell, x, V({B, H}, 0.0)));
  x.mutable_data()[(3 * T * B + B / 2) * H] = 1e4;
  CHECK_THROWS_WITH_AS(scan(cell, x, V({B, H}, 0.0)), "the cell refuses (13, 40)", DataError);
  CHECK(tape_stats<double>().live == live);
}

TEST_CASE("scan: divided over threads there is no second derivative, and the error says what to do") {
  Generator rng(8);
  const Gru<double> net(I, H, {}, rng);
  const Threads two(2);
  V x = random_parameter<double>({T, B, I}, 7);
  CHECK_THROWS_WITH_AS(
      grad(sum(square(net(x).output)), x, {.create_graph = true}),
      "grad: a scan divided over threads has no second derivative; call set_num_threads(1) before the "
      "forward pass, or leave create_graph off",
      UsageError);
}

TEST_CASE("scan: divided over threads, training takes no memory from step to step") {
  Generator rng(9);
  const Gru<double> net(I, H, {}, rng);
  const Threads two(2);
  const detail::PartsGoTo same_threads(detail::PartsGoTo::Whom::helpers);
  const V x = random_parameter<double>({T, B, I}, 7).detach();
  std::vector<std::size_t> in_use;
  for (int k = 0; k < 6; ++k) {
    sum(square(net(x).output)).backward();
    in_use.push_back(pool_stats().in_use);
  }
  CHECK(in_use[5] == in_use[2]);
}
