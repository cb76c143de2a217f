#include "unroll/layers/real_time_stream.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <thread>

#include "arrays.hpp"
#include "failing_allocation.hpp"
#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/fuse.hpp"
#include "unroll/autograd/matmul.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gated_delta.hpp"
#include "unroll/layers/griffin.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/layer_norm_gru.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/mamba.hpp"
#include "unroll/layers/mlstm.hpp"
#include "unroll/layers/skip_rnn.hpp"
#include "unroll/layers/slstm.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class T>
std::vector<T> draws(index_t n, Generator& rng) {
  std::vector<T> x(static_cast<std::size_t>(n));
  rng.fill_uniform(std::span<T>(x), -2, 2);
  return x;
}

/// Steps at which the two streams do not give the same bits.
template <class Net, class F>
int differences(const Net& net, const F& then, int steps = 20) {
  using T = typename Net::value_type;
  auto slow = stream(net);
  auto fast = real_time_stream(net, then);
  Generator rng(7);
  std::vector<T> y(static_cast<std::size_t>(fast.output_size()));
  int different = 0;
  const NoGrad off;
  for (int t = 0; t < steps; ++t) {
    const auto x = draws<T>(net.input_size(), rng);
    const Variable<T> right =
        then(slow.step(Variable<T>::from({1, net.input_size()}, std::span<const T>(x))));
    REQUIRE(fast.step(x, y));
    different += std::memcmp(y.data(), right.data(), y.size() * sizeof(T)) != 0;
  }
  return different;
}

/// The same where ops are done by others.
template <class Net>
double largest_difference(const Net& net) {
  using T = typename Net::value_type;
  auto slow = stream(net);
  auto fast = real_time_stream(net);
  Generator rng(7);
  std::vector<T> y(static_cast<std::size_t>(fast.output_size()));
  double largest = 0;
  const NoGrad off;
  for (int t = 0; t < 20; ++t) {
    const auto x = draws<T>(net.input_size(), rng);
    const Variable<T> right = slow.step(Variable<T>::from({1, net.input_size()}, std::span<const T>(x)));
    REQUIRE(fast.step(x, y));
    for (index_t k = 0; k < right.size(); ++k)
      largest = std::max(largest, std::abs(y[static_cast<std::size_t>(k)] - right.data()[k]));
  }
  return largest;
}

template <class Layer>
void check_layer() {
  using T = typename Layer::value_type;
  for (const index_t hidden : {1, 3, 8, 14, 17, 40}) {
    CAPTURE(hidden);
    Generator rng(3);
    const Layer one(1, hidden, {}, rng);
    const Layer two(5, hidden, {.num_layers = 2, .residual = true}, rng);
    const Linear<T> readout(one.output_size(), 3, {}, rng);
    CHECK(differences(one, readout) == 0);
    CHECK(differences(two, readout) == 0);
  }
}

/// A cell made of a function of (x, h); its state may have a second member.
template <class Step>
struct FromFunction {
  using value_type = double;
  using State = Variable<double>;
  Step function;
  index_t size = 4;
  State initial_state(index_t batch) const { return State({batch, size}, 0.25); }
  State step(const Variable<double>& x, const State& h) const { return function(x, h); }
  index_t hidden_size() const { return size; }
  template <class V>
  void visit(V&&) {}
};
template <class Step>
auto layer_of(Step step, index_t input = 4) {
  return Recurrent(input, [&](index_t) { return FromFunction<Step>{step}; });
}
const auto as_it_is = [](const Variable<double>& y) { return y; };

/// Members that change places, one that is kept, and one that is the input before.
struct Swapping {
  using value_type = double;
  struct State {
    Variable<double> h, a, b, kept, before;
    template <class V>
    void visit(V&& v) {
      v("h", h), v("a", a), v("b", b), v("kept", kept), v("before", before);
    }
  };
  State initial_state(index_t batch) const {
    const auto full = [&](double value) { return Variable<double>({batch, 3}, value); };
    return {full(0), full(1), full(2), full(3), full(4)};
  }
  State step(const Variable<double>& x, const State& s) const {
    return {s.a + 10.0 * s.before + s.kept, s.b, s.a, s.kept, x};
  }
  index_t hidden_size() const { return 3; }
  template <class V>
  void visit(V&&) {}
};

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE_TEMPLATE("a real-time stream of each layer gives the bits of a stream", T, float, double) {
  check_layer<Elman<T>>();
  check_layer<Gru<T>>();
  check_layer<GruResetBefore<T>>();
  check_layer<Lstm<T>>();
  check_layer<LstmPeephole<T>>();
  check_layer<LayerNormGru<T>>();
  check_layer<LayerNormLstm<T>>();
  check_layer<SkipRnn<T>>();
  check_layer<ForgetGateRnn<T>>();
  check_layer<InputGateRnn<T>>();
}

TEST_CASE("a real-time stream runs sums of more terms than one chain may have") {
  Generator rng(5);
  const Lstm<float> net(65, 600, {}, rng);
  const Linear<float> readout(600, 65, {}, rng);
  CHECK(differences(net, readout, 4) == 0);
}

TEST_CASE("a real-time stream carries members that change places, stay, or are the input") {
  const Recurrent net(3, [](index_t) { return Swapping{}; });
  CHECK(differences(net, as_it_is) == 0);
}

TEST_CASE("a real-time stream knows expressions with numbers, one element, several results, and parts") {
  const Variable<double> gain = parameter(xt::xarray<double>{1.5}), w = random_parameter({4, 4}, 1);
  const auto net = layer_of([=](const Variable<double>& x, const Variable<double>& h) -> Variable<double> {
    auto [a, b] = fuse([](auto p, auto q) { return std::tuple(p * q, exp(p - 2.0)); }, x, h);
    auto [left, right] = chunk<2>(a);
    Variable<double> shown = gain * b + reshape(linear(h, w), {1, 4});
    Variable<double> half = where(left > 0.1, left, right);
    return shown + 0.5 * sum(half * 0.0) + tanh(h);
  });
  CHECK(largest_difference(net) < 1e-14);
  const auto plain = layer_of([=](const Variable<double>& x, const Variable<double>& h) -> Variable<double> {
    auto [a, b] = fuse([](auto p, auto q) { return std::tuple(p * q, exp(p - 2.0)); }, x, h);
    auto parts = chunk<4>(a);
    Variable<double> first = parts[0];  // one element, for all four
    return gain * b + reshape(linear(h, w), {1, 4}) + first * tanh(h) - 3.0 * maximum(a, x);
  });
  CHECK(differences(plain, as_it_is) == 0);
}

TEST_CASE("a real-time stream multiplies and broadcasts what a step computes, and moves its parts") {
  using V = Variable<double>;
  const auto difference = [](auto step) { return largest_difference(layer_of(step)); };
  CHECK(difference([](const V& x, const V& h) -> V { return matmul(x, V({4, 4}, 0.2)) + 0.1 * h; }) < 1e-14);
  CHECK(difference([](const V& x, const V& h) -> V {
          return 0.5 * x + reshape(V(reshape(h, {2, 2}) * V::from({0.5, 0.2})), {1, 4});
        }) == 0);
  CHECK(difference([](const V& x, const V& h) -> V {
          const V square = reshape(h, {2, 2});
          return 0.5 * x + 0.2 * reshape(transpose(square), {1, 4}) +
                 0.1 * reshape(V(slice(square, 1, 1, 2) + square), {1, 4});
        }) == 0);
}

TEST_CASE("a real-time stream runs cells that are made of ops over time, to rounding") {
  Generator rng(1);
  const auto is_near = [](auto net) {
    eval(net);
    CHECK(largest_difference(net) < 1e-12);
  };
  is_near(GatedDelta<double>(4, 4, {.num_layers = 2}, rng));
  is_near(Griffin<double>(4, 4, {}, rng));
  is_near(Lru<double>(4, 4, {}, rng));
  is_near(Mamba<double>(4, 4, {}, rng));
  is_near(Mlstm<double>(4, 4));
  is_near(Slstm<double>(4, 4, 2));
}

TEST_CASE("a real-time stream refuses what it cannot record, and names it") {
  using V = Variable<double>;
  const auto message = [](auto step) { return refusal([&] { real_time_stream(layer_of(step)); }); };
  const std::string outside = "the step takes a value out of the graph by ";
  CHECK(message([](const V& x, const V& h) -> V { return h.value()(0, 0) > 0 ? V(x + h) : V(x - h); }) ==
        "real_time_stream: " + outside + "value(); let ops compute with it");
  CHECK(message([](const V& x, const V& h) -> V { return x + h * sum(h).item(); }).find(outside + "item()") !=
        std::string::npos);
  CHECK(message([](const V& x, const V& h) -> V {
          return x + h * V(h + x).data()[0];
        }).find(outside + "data()") != std::string::npos);
  CHECK(message([](const V& x, const V& h) -> V { return x + h.detach(); }).find(outside + "detach()") !=
        std::string::npos);
  CHECK(message([](const V& x, const V& h) -> V { return x + max(h, -1, {.keepdims = true}); }) ==
        "real_time_stream: max cannot be run without the tape yet");
  int count = 0;
  const std::string again =
      "real_time_stream: the step does not compute the same from what it is given: it draws random "
      "numbers, counts, or uses a value that was taken out of the graph";
  CHECK(message([&count](const V& x, const V& h) -> V { return x + h * double(++count); }) == again);
  Generator rng(1);
  CHECK(message([&rng](const V& x, const V& h) -> V { return x + h * rng.uniform(); }) == again);
  CHECK_THROWS_WITH_AS(
      real_time_stream(Gru<double>(2, 3, {.bidirectional = true})),
      "real_time_stream: a bidirectional layer needs the whole sequence; run it on x (T, B, 2)", UsageError);
}

TEST_CASE("a real-time stream takes spans of its sizes alone, and changes nothing for others") {
  const Gru<float> net(2, 3);
  auto a = real_time_stream(net), b = a;
  std::vector<float> x{0.5F, -1}, y(3), other(3, 9);
  CHECK(a.step(x, y));
  CHECK_FALSE(b.step(std::vector<float>(3), other));
  std::vector<float> few(2, 9);
  CHECK_FALSE(b.step(x, few));
  CHECK(other == std::vector<float>(3, 9));
  CHECK(few == std::vector<float>(2, 9));
  CHECK(b.step(x, other));
  CHECK(other == y);  // b's state was still the first
  a.reset();
  CHECK(a.step(x, other));
  CHECK(other == y);
}

TEST_CASE("a copy of a real-time stream goes on from the same state, on its own") {
  const Lstm<float> net(1, 5);
  auto a = real_time_stream(net);
  std::vector<float> x{1}, first(5), second(5), y(5);
  a.step(x, first);
  auto b = a;
  a.step(x, second);
  b.step(x, y);
  CHECK(y == second);
  auto moved = std::move(b);
  moved.step(x, y);
  a.step(x, second);
  CHECK(y == second);
  b = a;
  a.step(x, second);
  b.step(x, y);
  CHECK(y == second);
}

TEST_CASE("a real-time stream does not see later updates, and outlives the network") {
  auto net = std::make_unique<Gru<float>>(1, 4);
  auto a = real_time_stream(*net);
  std::vector<float> x{1}, right(4), y(4);
  a.step(x, right);
  a.reset();
  for (auto& p : parameters(*net)) p.variable.update([](auto& w) { w *= 2; });
  net.reset();
  a.step(x, y);
  CHECK(y == right);
}

TEST_CASE(
    "a real-time stream allocates nothing in 1,000,000 steps, on a thread other than the one that built it") {
  const Lstm<float> net(1, 8, {.num_layers = 2});
  const Linear<float> readout(8, 1);
  auto s = std::make_unique<RealTimeStream<float>>(net, readout);
  float last = 0;
  bool thrown = true;
  std::thread([&] {
    const FailingAllocation first(1);  // of this thread
    float x = 0, y = 0;
    for (int t = 0; t < 1'000'000; ++t) {
      x = static_cast<float>(t % 17) * 0.1F;
      s->step({&x, 1}, {&y, 1});
    }
    last = y;
    thrown = first.thrown();
  }).join();
  CHECK_FALSE(thrown);
  CHECK(std::isfinite(last));
  std::thread([&] { s.reset(); }).join();
}

TEST_CASE("a real-time stream lists its kernels") {
  const std::string text = real_time_stream(Gru<float>(1, 8)).str();
  CHECK(text.find("product(") != std::string::npos);
  CHECK(text.find("lerp(tanh(add(") != std::string::npos);
}
