// Time, memory and operations of RTRL against BPTT, for Elman and LSTM cells of several sizes. Batch 1.

#include <fmt/core.h>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/rtrl.hpp"

using namespace unroll;
using V = Variable<float>;

namespace {

struct ElmanStep : GateWeights<float, 1> {
  using State = V;
  using GateWeights<float, 1>::GateWeights;
  State initial_state(index_t batch) const { return V({batch, hidden_size()}, 0.0F); }
  State step(const V& x, const V& h) const { return tanh(x + linear(h, weight_hh)); }
};

struct Cost {
  double ms, mib, mflop;  // of a step, of the whole, of a step
};

/// Makes `run`, which does `steps` steps each time it is called, and measures it.
template <class Make>
Cost cost_of(double steps, double seconds, Make&& make) {
  const std::size_t before = pool_stats().in_use;
  auto run = make();
  const auto result = bench::measure("", run, steps, "steps/s", 0, seconds);
  const auto flops = blas::counters().flops;
  run();
  return {result.median / steps, result.peak_mib - static_cast<double>(before) / (1 << 20),
          static_cast<double>(blas::counters().flops - flops) / steps / 1e6};
}

template <class Cell>
void compare(const char* name, index_t inputs, index_t hidden, index_t length, double seconds) {
  Generator rng(1);
  Cell cell(inputs, hidden, true, rng);
  const V xs({length, 1, inputs}, 0.5F), x({1, inputs}, 0.5F);
  const Cost bptt = cost_of(static_cast<double>(length), seconds, [&] {
    return [&] {
      sum(square(scan(cell, xs, cell.initial_state(1)).output)).backward();
      zero_grad(cell);
    };
  });
  const Cost rtrl = cost_of(1, seconds, [&] {
    return [&, rtrl = std::make_shared<Rtrl<Cell, typename Cell::State>>(cell, cell.initial_state(1))] {
      rtrl->backward(sum(square(rtrl->step(x))));
      zero_grad(cell);
    };
  });
  index_t state = 0;
  for (const V& member : detail::members_of(cell.initial_state(1))) state += member.size();
  fmt::print(
      "| {} | {} | {} | {} | {:.4f} | {:.3f} | {:.0f} | {:.3f} | {:.3f} | {:.3f} | {:.2f} | {:.2f} |\n", name,
      hidden, state, count_parameters(cell), bptt.ms, rtrl.ms, rtrl.ms / bptt.ms, bptt.mflop, rtrl.mflop,
      2.0 * static_cast<double>(state * state * count_parameters(cell)) / 1e6, bptt.mib, rtrl.mib);
}

}  // namespace

int main(int argc, char** argv) {
  index_t inputs = 8, length = 100;
  double seconds = 1;
  std::vector<index_t> sizes{8, 16, 32, 64};
  program::CommandLine line("RTRL against BPTT: time, memory, operations");
  line.add("inputs", inputs, "input size");
  line.add("length", length, "time steps of BPTT");
  line.add("sizes", sizes, "hidden sizes");
  line.add("seconds", seconds, "time for each measurement");
  if (const auto status = line.read(argc, argv)) return *status;

  fmt::print(
      "| cell | H | N | P | BPTT, ms/step | RTRL, ms/step | ratio | BPTT, Mflop/step | RTRL, Mflop/step | 2 "
      "N² P, "
      "Mflop | BPTT, MiB for T = {} | RTRL, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      length);
  for (index_t h : sizes) compare<ElmanStep>("Elman", inputs, h, length, seconds);
  for (index_t h : sizes) compare<LstmCell<float>>("LSTM", inputs, h, length, seconds);
}
