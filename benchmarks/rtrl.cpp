// Time, memory and operations of RTRL against BPTT, for Elman and LSTM cells of several sizes.

#include <fmt/core.h>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/rtrl.hpp"

using namespace unroll;

namespace {

template <class T>
struct ElmanStep : GateWeights<T, 1> {
  using State = Variable<T>;
  using GateWeights<T, 1>::GateWeights;
  State step(const Variable<T>& x, const State& h) const { return tanh(x + linear(h, this->weight_hh)); }
};

struct Options {
  index_t inputs = 8, batch = 1, length = 100;
  std::vector<index_t> sizes{8, 16, 32, 64};
  double seconds = 1;
  bool in_double = false;
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
void compare(const char* name, const Options& options, index_t hidden) {
  using V = Variable<typename Cell::value_type>;
  const index_t inputs = options.inputs, batch = options.batch, length = options.length;
  Generator rng(1);
  Cell cell(inputs, hidden, true, rng);
  const auto first = [&] { return cell.initial_state(batch); };
  const V xs({length, batch, inputs}, 0.5), x({batch, inputs}, 0.5);
  const Cost bptt = cost_of(static_cast<double>(length), options.seconds, [&] {
    return [&] {
      sum(square(scan(cell, xs, first()).output)).backward();
      zero_grad(cell);
    };
  });
  const Cost rtrl = cost_of(1, options.seconds, [&] {
    return [&, rtrl = std::make_shared<Rtrl<Cell, typename Cell::State>>(cell, first())] {
      rtrl->backward(sum(square(rtrl->step(x))));
      zero_grad(cell);
    };
  });
  index_t state = 0;
  for (const V& member : detail::members_of(cell.initial_state(1))) state += member.size();
  fmt::print(
      "| {} | {} | {} | {} | {:.4f} | {:.4f} | {:.0f} | {:.3f} | {:.3f} | {:.3f} | {:.2f} | {:.2f} |\n", name,
      hidden, state, count_parameters(cell), bptt.ms, rtrl.ms, rtrl.ms / bptt.ms, bptt.mflop, rtrl.mflop,
      2.0 * static_cast<double>(batch * state * state * count_parameters(cell)) / 1e6, bptt.mib, rtrl.mib);
}

template <class T>
void compare_all(const Options& options) {
  for (index_t h : options.sizes) compare<ElmanStep<T>>("Elman", options, h);
  for (index_t h : options.sizes) compare<LstmCell<T>>("LSTM", options, h);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  program::CommandLine line("RTRL against BPTT: time, memory, operations");
  line.add("inputs", options.inputs, "input size");
  line.add("batch", options.batch, "rows of the batch");
  line.add("length", options.length, "time steps of BPTT");
  line.add("sizes", options.sizes, "hidden sizes");
  line.add("seconds", options.seconds, "time for each measurement");
  line.add("double", options.in_double, "compute in double");
  if (const auto status = line.read(argc, argv)) return *status;

  fmt::print(
      "| cell | H | N | P | BPTT, ms/step | RTRL, ms/step | ratio | BPTT, Mflop/step | RTRL, Mflop/step | 2 "
      "B N² P, "
      "Mflop | BPTT, MiB for T = {} | RTRL, MiB |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
      options.length);
  if (options.in_double) {
    compare_all<double>(options);
  } else {
    compare_all<float>(options);
  }
}
