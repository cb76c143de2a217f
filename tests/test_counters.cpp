// What a step of the benchmarks' workloads takes, at small sizes. Each number is what the optimisations
// leave: whoever breaks one sees a test fail, on any machine and however loaded it is. Smaller numbers are
// welcome.

#include <doctest/doctest.h>

#include "counts.hpp"
#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/scan_programs.hpp"
#include "workloads/character_model.hpp"
#include "workloads/layer.hpp"
#include "workloads/translation.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

using T = float;
constexpr std::uint64_t number = sizeof(T);

// Small, but T·B is more than what the engine takes for few rows.
constexpr index_t B = 8, H = 8, steps = 80, rows = steps * B;
constexpr std::uint64_t state = B * H * number;  // bytes

// No step takes anything from the system, fills a gradient with zeros, or multiplies what nobody asked for.
void check_frugal(const Counts& c, double flops_asked) {
  CHECK(c.from_system == 0);
  CHECK(c.zeroed == 0);
  CHECK(static_cast<double>(c.flops) <= flops_asked);
}

template <class Cell>
Counts count_layer(index_t gates, bool input_gradient, index_t batch = B, index_t time = steps) {
  bench::Layer<Cell> layer({gates, H, H, batch, time}, input_gradient);
  const Counts c = count<T>(layer);
  check_frugal(c, layer.flops());
  return c;
}

}  // namespace

TEST_CASE(
    "counters: an LSTM layer multiplies once for all steps what does not depend on the state (W2, W4)") {
  const Counts c = count_layer<LstmCell<T>>(4, true);
  INFO(c.text());
  CHECK(c.calls(rows, 4 * H, H) == 1);  // projection
  CHECK(c.calls(rows, H, 4 * H) == 1);  // its input's gradient
  CHECK(c.packed() == 2 * steps - 1);   // W h of each step and its gradient; the first state has none
  // Gradients of W_ih, and of W_hh for the first state and for those that lie in the output.
  CHECK(c.calls() - c.packed() - 2 <= 3);
}

TEST_CASE("counters: an LSTM step is four nodes, and copies nothing (W2, W4)") {
  const Counts c = count_layer<LstmCell<T>>(4, true);
  CHECK(c.nodes <= 4 * steps + 5);            // and biases, projection, unbind, scan, sum
  CHECK(c.copied <= state);                   // the first output, into its slice
  CHECK(c.added <= 2 * (steps - 1) * state);  // h and c of a step are read twice
  CHECK(c.blocks <= 20 * steps);
  CHECK(c.walks <= 4 * steps + 2);  // both expressions read gates, which lie row by row, and write theirs
}

TEST_CASE("counters: without input gradient a layer has one product less (W2n, W4n)") {
  const Counts with = count_layer<LstmCell<T>>(4, true), without = count_layer<LstmCell<T>>(4, false);
  CHECK(without.calls() == with.calls() - 1);
  CHECK(without.copied <= with.copied);
}

TEST_CASE("counters: a time step costs the same however many there are (W9)") {
  const Counts half = count_layer<LstmCell<T>>(4, true),
               whole = count_layer<LstmCell<T>>(4, true, B, 2 * steps);
  CHECK(whole.nodes <= 2 * half.nodes);
  CHECK(whole.calls() <= 2 * half.calls());
  CHECK(whole.copied <= half.copied);
  CHECK(whole.blocks <= 2 * half.blocks);
  CHECK(whole.peak <= 2 * half.peak);
}

TEST_CASE("counters: recomputation keeps about √T of the memory and computes once more (W9)") {
  constexpr index_t segment = 9;
  bench::Layer<LstmCell<T>> layer({4, H, H, B, steps}, true, {.segment = ScanOptions::square_root});
  const Counts all = count_layer<LstmCell<T>>(4, true), c = count<T>(layer);
  CHECK(c.from_system == 0);
  CHECK(c.peak * 3 <= all.peak);  // inputs, outputs and their gradients remain: about a third here
  CHECK(c.calls(segment * B, 4 * H, H) <= 2 * (steps / segment));
  CHECK(c.packed() <= 3 * steps);
}

TEST_CASE("counters: the state and its gradients take little memory beside the gates (W2)") {
  constexpr index_t wide = 64;
  bench::Layer<LstmCell<T>> layer({4, wide, wide, B, steps}, true);
  const Counts c = count<T>(layer);
  // Gates, h, c, and the same again for gradients, with x's; and the objects behind them.
  constexpr std::uint64_t array = rows * wide * number;
  CHECK(c.peak <= 14 * array);
}

TEST_CASE("counters: a GRU layer of one sequence (W3)") {
  constexpr index_t time = rows;
  const Counts c = count_layer<GruCell<T>>(3, false, 1, time);
  INFO(c.text());
  CHECK(c.nodes <= 3 * 4 + 10);  // three steps of W h, two chunks, the rest; all other steps; and around them
  CHECK(c.packed() == 2 * time - 1);
  CHECK(c.calls() - c.packed() <= 3);  // projection, gradients of W_ih and W_hh
  // Gradients of W h lie scattered, and the first state apart: they are put together.
  CHECK(c.copied <= (3 + 1) * time * H * number + H * number);
  CHECK(c.added <= (time - 1) * 2 * H * number);
  CHECK(c.blocks <= 180);
  CHECK(c.walks <= 2);  // for the sum: of one row all gates lie in one piece
}

TEST_CASE("counters: an Elman layer of one sequence (W3e)") {
  constexpr index_t time = rows;
  const Counts c = count_layer<ElmanCell<T>>(1, false, 1, time);
  INFO(c.text());
  CHECK(c.nodes <= 3 * 2 + 8);
  CHECK(c.packed() == 2 * time - 1);
  CHECK(c.calls() - c.packed() <= 4);
  CHECK(c.copied <= H * number);
  CHECK(c.blocks <= 110);
  CHECK(c.walks <= 2);
}

TEST_CASE("counters: recorded, the same steps have a node for each op") {
  const ScanMode mode(ScanSteps::recorded);
  constexpr index_t time = rows;
  const Counts gru = count_layer<GruCell<T>>(3, false, 1, time),
               elman = count_layer<ElmanCell<T>>(1, false, 1, time);
  CHECK(gru.nodes <= 4 * time + 5);
  CHECK(gru.blocks <= 24 * time);
  CHECK(elman.nodes <= 2 * time + 5);
  CHECK(elman.blocks <= 9 * time);
}

TEST_CASE("counters: a cell that multiplies x in every step has one node for both products (W4s)") {
  const Counts c = count_layer<bench::StepLstm<T>>(4, true);
  INFO(c.text());
  CHECK(c.nodes <= 4 * steps + 3);
  CHECK(c.packed() == 4 * steps - 1);
  CHECK(c.calls() - c.packed() <= 2);  // gradients of both weights
  // Gates' gradients and h lie scattered: they are put together once, for all weights.
  CHECK(c.copied <= (4 + 1) * steps * state + state);
}

TEST_CASE("counters: a step of the character model (W1)") {
  constexpr index_t V = 11;
  bench::CharacterTraining<T> step({.vocabulary = V, .hidden = H, .steps = steps, .batch = B});
  const Counts c = count<T>(step);
  INFO(c.text());
  check_frugal(c, step.flops());
  CHECK(c.calls(rows, 4 * H, V) == 0);  // the first layer multiplies the table, not its rows
  CHECK(c.calls(V, 4 * H, V) == 1);
  CHECK(c.packed() <= 2 * (2 * steps - 1) + 1);
  CHECK(c.calls() - c.packed() <= 2 + 2 * 2 + 3 + 3);  // table; W_hh; second layer's W_ih; output layer
  CHECK(c.packings <= 5);  // once for each update: both W_hh both ways, and for the table
  CHECK(c.nodes <= 2 * (4 * steps + 4) + 20);
  CHECK(c.copied <= 2 * 3 * state);
  CHECK(c.blocks <= 2 * 29 * steps);
}

TEST_CASE("counters: weights that do not change are packed once") {
  CHECK(count_layer<LstmCell<T>>(4, true).packings == 0);
  bench::CharacterTraining<double> step({.vocabulary = 11, .hidden = H, .steps = steps, .batch = B});
  CHECK(count<double>(step).packings <= 9);  // in double all products of weights read packed ones
}

TEST_CASE("counters: sampling records nothing, and has three products for a character (W6)") {
  constexpr index_t length = 20;
  bench::CharacterSampling<T> sampling({.vocabulary = 11, .hidden = H, .length = length});
  const Counts c = count<T>(sampling);
  CHECK(c.nodes == 0);
  CHECK(c.packings == 0);
  CHECK(c.calls() <= 3 * length);
  CHECK(c.packed() == c.calls());
  CHECK(c.from_system == 0);
}

TEST_CASE("counters: encoder and decoder with attention (W5)") {
  constexpr index_t V = 300, S = 40, batch = 4, all = S * batch;
  bench::Translation<T> step({.vocabulary = V, .hidden = H, .source = S, .target = S, .batch = batch});
  const Counts c = count<T>(step);
  INFO(c.text());
  CHECK(c.from_system == 0);
  CHECK(static_cast<double>(c.flops) <= step.flops());
  CHECK(c.calls(all, V, 2 * H) == 1);  // all words at once
  CHECK(c.calls(V, 2 * H, all) == 1);  // gradient of the output layer
  CHECK(c.calls(3 * H, H, all) <= 5);  // of the recurrent weights, and of the encoder's input weight
  CHECK(c.packed() <= 8 * S);
  CHECK(c.nodes <= 19 * S + 20);
  CHECK(c.blocks <= 140 * S + 120);
  // Of one step, in rows of H for each sequence: what the products of attention add to, gates, [s; c].
  CHECK(c.copied <= 67 * S * batch * H * number);
}

TEST_CASE("counters: two threads compute no more than one, and their weight gradients are one product each") {
  constexpr index_t wide = 32;  // enough work for two
  bench::Layer<LstmCell<T>> layer({4, wide, wide, B, steps}, true);
  const Counts one = count<T>(layer);
  set_num_threads(2);
  const detail::PartsGoTo same_threads(detail::PartsGoTo::Whom::helpers);
  const Counts two = count<T>(layer);
  set_num_threads(1);
  INFO(two.text());
  CHECK(two.calls(rows, 4 * wide, wide) == 0);  // it has been divided
  CHECK(two.flops <= one.flops);
  CHECK(two.calls(4 * wide, wide, rows) == 2);
  CHECK(two.from_system == 0);
  // Input, projection's gradient, output and its gradient cross over from and to dense rows of each thread.
  CHECK(two.copied <= 11 * rows * wide * number);
}

TEST_CASE("product log: notes what was multiplied while it lived, also within another log") {
  const std::vector<float> a(6, 1.F), b(6, 1.F);
  std::vector<float> c(9);
  const blas::ProductLog outer;
  blas::gemm<float>(blas::Trans::no, blas::Trans::no, 3, 3, 2, 1.F, a.data(), 2, b.data(), 3, 0.F, c.data(),
                    3);
  {
    const blas::ProductLog inner;
    blas::PackedMatrix<float> packed;
    packed.pack(blas::Trans::no, 2, 3, b.data(), 3);
    packed.multiply(1, a.data(), 2, 1.F, c.data(), 3);
    CHECK(inner.products() ==
          std::vector<blas::Product>{{.m = 1, .n = 3, .k = 2, .packed = true, .adds = true}});
  }
  REQUIRE(outer.products().size() == 2);
  CHECK(outer.products()[0] == blas::Product{.m = 3, .n = 3, .k = 2});
  CHECK(outer.products()[1].packed);
}
