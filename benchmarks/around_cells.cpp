// What the options around a cell cost and bring: time and memory of one pass, and small tasks on which it
// shows what an option is for. Prints tables; the same seed gives the same losses.

#include <fmt/core.h>

#include "common/command_line.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/pooling.hpp"
#include "unroll/layers/stream.hpp"
#include "unroll/layers/teacher_forcing.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"

using namespace unroll;
using V = Variable<float>;

namespace {

V random(const Shape& shape, Generator& rng) {
  V x(shape, 0.0F);
  rng.fill_normal(std::span<float>(x.mutable_data(), static_cast<std::size_t>(x.size())), 0, 1);
  return x;
}

// --- costs -----------------------------------------------------------------------------------------------

struct Cost {
  double ms, mib;
};

/// Time of f() in its fastest tenth, and the memory it needs beyond what was there before.
template <class F>
Cost cost_of(double seconds, F&& f) {
  const auto before = static_cast<double>(pool_stats().in_use);
  const auto r = bench::measure("", f, 1, "", 0, seconds);
  return {r.p10, r.peak_mib - before / (1 << 20)};
}

void costs(index_t steps, index_t batch, index_t size, double seconds) {
  Generator rng(1);
  Lstm<> lstm(size, size, {}, rng), both(size, size, {.bidirectional = true}, rng);
  const V x = random({steps, batch, size}, rng).requires_grad(true);
  std::vector<std::int64_t> lengths(static_cast<std::size_t>(batch));
  for (index_t b = 0; b < batch; ++b) lengths[static_cast<std::size_t>(b)] = (b + 1) * steps / batch;
  const auto pass = [&](Lstm<>& net, const SequenceOptions& sequences) {
    return cost_of(seconds, [&, sequences] {
      sum(square(net(x, {}, sequences).output)).backward();
      zero_grad(net);
    });
  };
  const Cost plain = pass(lstm, {});
  const auto print = [&](const char* what, Cost c) {
    fmt::print("| {} | {:.2f} | {:.2f} | {:.2f} |\n", what, c.ms / plain.ms, c.mib / plain.mib, c.mib);
  };
  fmt::print("LSTM {0} in, {0} hidden, {1} steps, batch {2}; plain: {3:.2f} ms\n\n", size, steps, batch,
             plain.ms);
  fmt::print("| forward and backward | time / plain | memory / plain | MiB |\n|---|---|---|---|\n");
  print("plain", plain);
  print("lengths T/B, 2T/B, …, T", pass(lstm, {.lengths = lengths}));
  print("recomputed, √T", pass(lstm, {.segment = ScanOptions::square_root}));
  print("recomputed, budget 1 MiB", pass(lstm, {.memory = 1 << 20}));
  print("bidirectional", pass(both, {}));
  print("no tape, forward only", cost_of(seconds, [&] {
          const NoGrad off;
          lstm(x);
        }));
  auto s = stream(lstm, batch);
  const V x_t = random({batch, size}, rng);
  print("stream, all steps", cost_of(seconds, [&] {
          for (index_t t = 0; t < steps; ++t) s.step(x_t);
        }));

  JordanCell<float> jordan(size, size, size, true, rng);
  const V targets = random({steps, batch, size}, rng), y0 = jordan.initial_state(batch);
  const Cost free_run = cost_of(seconds, [&] {
    mse(scan(jordan, x, y0).output, targets).backward();
    zero_grad(jordan);
  });
  const Cost forced = cost_of(seconds, [&] {
    mse(teacher_forced(jordan, x, targets, y0), targets).backward();
    zero_grad(jordan);
  });
  fmt::print("\nJordan, teacher forcing against running on its own outputs: time {:.2f}, memory {:.2f}\n",
             forced.ms / free_run.ms, forced.mib / free_run.mib);
}

// --- learning --------------------------------------------------------------------------------------------

template <class Net>
struct Model {
  Net net;
  Linear<float> readout;
  template <class F>
  void visit(F&& f) {
    f("net", net), f("readout", readout);
  }
};

template <class Net>
Model<Net> with_readout(Net net, index_t inputs, index_t outputs) {
  Generator rng(7);
  return {std::move(net), Linear<float>(inputs, outputs, {}, rng)};
}

/// Trains for `steps` steps on loss(), and returns the mean loss of the last tenth.
template <class M, class F>
double fit(const M& model, int steps, double rate, F&& loss) {
  Adam adam(parameters(model), {.lr = rate});
  double late = 0;
  for (int step = 0; step < steps; ++step) {
    const V l = loss();
    if (step >= steps - steps / 10) late += l.item() / (steps / 10);
    l.backward();
    clip_grad_norm(parameters(model), 1);
    adam.step(), adam.zero_grad();
  }
  return late;
}

/// Bits, and the bit `delay` steps before (or, if negative, after) each; 0 where there is none.
/// Shapes: (T, B, 1).
struct Echo {
  V x, y;
};
Echo echo(index_t steps, index_t batch, index_t delay, Generator& rng) {
  Echo e{V({steps, batch, 1}, 0.0F), V({steps, batch, 1}, 0.0F)};
  for (index_t k = 0; k < e.x.size(); ++k) e.x.mutable_data()[k] = rng.below(2) == 0 ? -1.0F : 1.0F;
  for (index_t k = 0; k < e.x.size(); ++k) {
    const index_t from = k - delay * batch;
    if (from >= 0 && from < e.x.size()) e.y.mutable_data()[k] = e.x.data()[from];
  }
  return e;
}

void directions(int steps) {
  fmt::print(
      "\nEvery step's target is the input two steps later (mean of squares 0.9)\n\n| | loss |\n|---|---|\n");
  const auto row = [&](const char* name, const RecurrentOptions& options) {
    Generator rng(1), data(2);
    Lstm<> net(1, 16, options, rng);
    const index_t size = options.merge == Merge::concat ? 16 * net.directions() : 16;
    const auto model = with_readout(net, size, 1);
    fmt::print("| {} | {:.5f} |\n", name, fit(model, steps, 1e-2, [&] {
                 const Echo e = echo(20, 32, -2, data);
                 return mse(model.readout(model.net(e.x).output), e.y);
               }));
  };
  row("forward only", {});
  row("bidirectional, concat", {.bidirectional = true});
  row("bidirectional, sum", {.bidirectional = true, .merge = Merge::sum});
  row("bidirectional, mean", {.bidirectional = true, .merge = Merge::mean});
}

void statefulness(int steps) {
  fmt::print(
      "\nEvery step's target is the input 8 steps before; windows of 10 steps of one endless stream\n\n"
      "| | loss |\n|---|---|\n");
  for (bool carried : {true, false}) {
    Generator rng(1), data(2);
    const auto model = with_readout(Lstm<>(1, 32, {}, rng), 32, 1);
    LstmState<float> state;
    Echo whole;
    index_t at = 0;
    const double loss = fit(model, steps, 1e-2, [&] {
      if (at % 1000 == 0) whole = echo(1000, 32, 8, data), state = {};
      const V x = slice(whole.x, 0, at % 1000, at % 1000 + 10),
              y = slice(whole.y, 0, at % 1000, at % 1000 + 10);
      at += 10;
      const auto r = model.net(x, carried ? state : LstmState<float>{});
      state = detach_state(r.state);
      return mse(model.readout(r.output), y);
    });
    fmt::print("| {} | {:.5f} |\n", carried ? "state carried from window to window" : "each window from zero",
               loss);
  }
}

void pooling(int steps) {
  fmt::print(
      "\nWhether a long sequence of noise holds a peak (Elman, 100 steps; a coin's loss: 0.693)\n\n"
      "| output of the sequence | loss |\n|---|---|\n");
  const auto row = [&](const char* name, auto&& pool) {
    Generator rng(1), data(2);
    const auto model = with_readout(Elman<>(1, 16, {}, rng), 16, 1);
    fmt::print("| {} | {:.5f} |\n", name, fit(model, steps, 3e-3, [&] {
                 V x = random({100, 32, 1}, data), y({32, 1}, 0.0F);
                 for (index_t b = 0; b < 32; ++b) {
                   if (data.below(2) == 0) continue;
                   y.mutable_data()[b] = 1;
                   x.mutable_data()[static_cast<index_t>(data.below(100)) * 32 + b] = 4;
                 }
                 return binary_cross_entropy_with_logits(model.readout(pool(model.net, x)), y);
               }));
  };
  row("last", [](const auto& net, const V& x) { return net.last(net(x)); });
  row("mean", [](const auto& net, const V& x) { return mean_over_time(net(x).output); });
  row("max", [](const auto& net, const V& x) { return max_over_time(net(x).output); });
}

void depth(int steps) {
  fmt::print(
      "\nEcho after 3 steps by a deep stack (Elman 16), a tenth of the steps\n\n"
      "| layers | plain | residual |\n|---|---|---|\n");
  for (int layers : {2, 16, 32}) {
    fmt::print("| {} |", layers);
    for (bool residual : {false, true}) {
      Generator rng(1), data(2);
      const auto model =
          with_readout(Elman<>(16, 16, {.num_layers = layers, .residual = residual}, rng), 16, 1);
      const V spread = random({16, 1}, rng);
      const double loss = fit(model, steps / 10, 1e-3, [&] {
        const Echo e = echo(20, 32, 3, data);
        return mse(model.readout(model.net(V(linear(e.x, spread))).output), e.y);
      });
      fmt::print(" {:.5f} |", loss);
    }
    fmt::print("\n");
  }
}

/// Whether the first of four inputs is positive on the average.
struct Samples {
  V x, y;
  Samples(index_t count, Generator& rng) : x(random({20, count, 4}, rng)), y({count, 1}, 0.0F) {
    for (index_t b = 0; b < count; ++b) {
      float sum = 0;
      for (index_t t = 0; t < 20; ++t) sum += x.data()[(t * count + b) * 4];
      y.mutable_data()[b] = sum > 0 ? 1.0F : 0.0F;
    }
  }
};

void noise(int steps) {
  fmt::print(
      "\n100 sequences of 20 × 4 random numbers: is the sum of the first one positive? 2 × LSTM 32;\n"
      "2,000 fresh sequences (a coin's loss: 0.693)\n\n"
      "| | loss in training | fresh loss | fresh, wrong |\n|---|---|---|---|\n");
  Generator data(2);
  const Samples known(100, data), fresh(2000, data);
  const auto row = [&](const char* name, const RecurrentOptions& options) {
    Generator rng(1);
    auto model = with_readout(Lstm<>(4, 32, options, rng), 32, 1);
    const auto logits = [&](const Samples& s) { return model.readout(model.net.last(model.net(s.x))); };
    fit(model, steps, 3e-3, [&] { return binary_cross_entropy_with_logits(logits(known), known.y); });
    eval(model);
    const NoGrad off;
    const V known_logits = logits(known), fresh_logits = logits(fresh);
    int wrong = 0;
    for (index_t b = 0; b < fresh.y.size(); ++b)
      wrong += (fresh_logits.data()[b] > 0) != (fresh.y.data()[b] > 0);
    fmt::print("| {} | {:.4f} | {:.3f} | {:.1f} % |\n", name,
               binary_cross_entropy_with_logits(known_logits, known.y).item(),
               binary_cross_entropy_with_logits(fresh_logits, fresh.y).item(), wrong / 20.0);
  };
  row("nothing", {.num_layers = 2});
  row("dropout 0.5", {.num_layers = 2, .dropout = 0.5});
  row("the same, variational", {.num_layers = 2, .dropout = 0.5, .variational = true});
  row("recurrent dropout 0.5", {.num_layers = 2, .recurrent_dropout = 0.5});
  row("zoneout 0.05, of the memory 0.5", {.num_layers = 2, .zoneout = 0.05, .zoneout_memory = 0.5});
}

}  // namespace

int main(int argc, char** argv) {
  index_t length = 200, batch = 16, size = 128;
  int steps = 1000;
  double seconds = 1;
  program::CommandLine line("What the options around a cell cost and bring");
  line.add("length", length, "time steps of the costs", program::at_least(1));
  line.add("batch", batch, "sequences of the costs", program::at_least(1));
  line.add("size", size, "inputs and hidden size of the costs", program::at_least(1));
  line.add("steps", steps, "training steps of each task", {.low = 10, .high = 1000000});
  line.add("seconds", seconds, "time for each cost");
  if (const auto status = line.read(argc, argv)) return *status;
  costs(length, batch, size, seconds);
  directions(steps);
  statefulness(steps);
  pooling(steps);
  depth(steps);
  noise(steps);
}
