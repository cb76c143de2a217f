// Every cell trained on the adding problem or on copy memory: as many parameters, steps and sequences for
// each, and the best of the same few learning rates. Prints a table; the same seed gives the same losses.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <string>

#include "common/command_line.hpp"
#include "common/recurrent.hpp"
#include "measure.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/layers/deep_transition.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"

using namespace unroll;
using V = Variable<float>;

namespace {

struct Options {
  std::string task = "adding", only;
  index_t length = 50, batch = 50, parameters = 5000;
  int steps = 1500;
  std::vector<double> rates{1e-3, 3e-3, 1e-2};
  double clip = 1;
};

/// A class of its own for each cell would take minutes to compile.
struct Model {
  AnyRecurrent<float> net;
  Linear<float> readout;
  template <class F>
  void visit(F&& f) {
    f("net", net), f("readout", readout);
  }
};

/// Two numbers of a sequence are marked; the target is their sum. Always to say 1 gives 1/6.
struct Adding {
  index_t length;
  static constexpr index_t inputs = 2, outputs = 1;
  static constexpr double know_nothing = 1.0 / 6;

  V loss(const Model& model, index_t batch, Generator& rng) const {
    V x({length, batch, inputs}, 0.0F), sums({batch, outputs}, 0.0F);
    for (index_t b = 0; b < batch; ++b) {
      for (index_t t = 0; t < length; ++t)
        x.mutable_data()[(t * batch + b) * 2] = static_cast<float>(rng.uniform());
      for (index_t half : {0, 1}) {
        const auto among = static_cast<std::uint64_t>(length / 2);
        const index_t t = half * (length / 2) + static_cast<index_t>(rng.below(among));
        x.mutable_data()[(t * batch + b) * 2 + 1] = 1;
        sums.mutable_data()[b] += x.data()[(t * batch + b) * 2];
      }
    }
    return mse(model.readout(model.net.last(model.net(x))), sums);
  }
};

/// Ten symbols of eight, `length` blanks, a mark, and then the ten symbols are to be repeated.
struct Copy {
  index_t length;
  static constexpr index_t inputs = 10, outputs = 10, symbols = 10;
  const double know_nothing = symbols * std::log(8.0) / static_cast<double>(length + 20);

  V loss(const Model& model, index_t batch, Generator& rng) const {
    const index_t steps = length + 2 * symbols;
    std::vector<std::int64_t> in(static_cast<std::size_t>(steps * batch), 8), out(in);
    for (index_t b = 0; b < batch; ++b) {
      const auto at = [&](index_t t) { return static_cast<std::size_t>(t * batch + b); };
      for (index_t t = 0; t < symbols; ++t)
        in[at(t)] = out[at(steps - symbols + t)] = static_cast<std::int64_t>(rng.below(8));
      in[at(symbols + length - 1)] = 9;
    }
    const V x = one_hot<float>(Indices({steps, batch}, in), inputs);
    return cross_entropy(model.readout(model.net(x).output), Indices({steps, batch}, out));
  }
};

struct Outcome {
  double rate = 0, loss = INFINITY, ms = 0;
  int solved = 0;  ///< the step at which the mean of the last 50 losses fell below a tenth of know_nothing
};

template <class Task>
Outcome train(const Model& model, const Task& task, const Options& o, double rate) {
  Adam adam(parameters(model), {.lr = rate});
  Generator data(1), fresh(2);
  Outcome out{.rate = rate};
  std::vector<double> losses, times;
  for (int step = 1; step <= o.steps; ++step) {
    times.push_back(bench::milliseconds([&] {
      const V loss = task.loss(model, o.batch, data);
      losses.push_back(loss.item());
      loss.backward();
      clip_grad_norm(parameters(model), o.clip);
      adam.step(), adam.zero_grad();
    }));
    if (out.solved > 0 || step < 50) continue;
    double recent = 0;
    for (int k = 0; k < 50; ++k) recent += losses[losses.size() - 1 - static_cast<std::size_t>(k)] / 50;
    if (recent < task.know_nothing / 10) out.solved = step;
  }
  const NoGrad off;
  out.loss = 0;
  for (int k = 0; k < 20; ++k) out.loss += task.loss(model, o.batch, fresh).item() / 20;
  // The fastest tenth: it shows little of what other programs take from the machine.
  const auto tenth = times.begin() + o.steps / 10;
  std::nth_element(times.begin(), tenth, times.end());
  out.ms = *tenth;
  return out;
}

/// `make(h, rng)` gives a network of hidden size h; the largest within the budget, up to 128, is trained.
template <class Task>
void row(const char* name, const Task& task, const Options& o,
         const std::function<AnyRecurrent<float>(index_t h, Generator& rng)>& make) {
  if (!o.only.empty() && o.only != name) return;
  const auto model_of = [&](index_t h) {
    Generator rng(1);
    const AnyRecurrent<float> net = make(h, rng);
    return Model{net, Linear<float>(program::output_size(net), Task::outputs, {}, rng)};
  };
  index_t h = 2;
  while (h < 128 && count_parameters(model_of(h + 1)) <= o.parameters) ++h;
  Outcome best;
  for (double rate : o.rates) {
    const Outcome now = train(model_of(h), task, o, rate);
    if (!(best.loss <= now.loss)) best = now;  // NaN loses
  }
  fmt::print("| {} | {} | {} | {} | {:.5f} | {} | {:.2f} |\n", name, h, count_parameters(model_of(h)),
             best.rate, best.loss, best.solved > 0 ? std::to_string(best.solved) : "–", best.ms);
  std::fflush(stdout);
}

template <class Task>
void table(const Task& task, const Options& o) {
  fmt::print("{}, length {}, {} steps of {} sequences; knowing nothing: {:.4f}\n\n", o.task, o.length,
             o.steps, o.batch, task.know_nothing);
  fmt::print(
      "| cell | H | parameters | rate | loss | solved at step | ms/step |\n|---|---|---|---|---|---|---|\n");
  static constexpr index_t I = Task::inputs, O = Task::outputs;
  const auto add = [&](const char* name, auto make) {
    row(name, task, o, [&](index_t h, Generator& rng) -> AnyRecurrent<float> { return make(h, rng); });
  };
  const auto kind = [&](const char* name, const char* cell) {
    row(name, task, o, [&](index_t h, Generator& rng) {
      program::CellOptions options{};
      options.input = I, options.hidden = h, options.layers = 1;
      return program::cell_kind(cell).make(options, rng);
    });
  };
  kind("Elman, tanh", "elman");
  kind("Elman, relu", "relu");
  kind("Irnn", "irnn");
  add("Jordan", [](index_t h, Generator& rng) { return Jordan<>(I, h, O, {}, rng); });
  kind("SkipRnn", "skip");
  kind("ForgetGateRnn", "forget-gate");
  kind("InputGateRnn", "input-gate");
  kind("Lstm", "lstm");
  add("Lstm, forget bias 1", [](index_t h, Generator& rng) {
    Lstm<> lstm(I, h, {}, rng);
    init::forget_bias(lstm.cell(0).bias_ih, 1), init::forget_bias(lstm.cell(0).bias_hh, 0);
    return lstm;
  });
  kind("LstmPeephole", "lstm-peephole");
  kind("LstmProjection, P = H/2", "lstm-projection");
  kind("LayerNormLstm", "layer-norm-lstm");
  kind("Gru", "gru");
  kind("GruResetBefore", "gru-reset-before");
  kind("LayerNormGru", "layer-norm-gru");
  add("DeepTransition, 2 GRU",
      [](index_t h, Generator& rng) { return Recurrent<DeepTransition<GruCell<float>, 2>>(I, h, {}, rng); });
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Every recurrent cell, trained in the same way");
  line.add("task", o.task, "adding or copy", {.words = {"adding", "copy"}});
  line.add("only", o.only, "one row of the table, by its name");
  line.add("length", o.length, "length of a sequence, or number of blanks", {.low = 2, .high = 10000});
  line.add("batch", o.batch, "sequences per step", program::at_least(1));
  line.add("parameters", o.parameters, "largest number of parameters of a model");
  line.add("steps", o.steps, "training steps", program::at_least(1));
  line.add("rates", o.rates, "learning rates of Adam to choose from");
  line.add("clip", o.clip, "largest norm of the gradient");
  if (const auto status = line.read(argc, argv)) return *status;
  if (o.task == "adding") {
    table(Adding{o.length}, o);
  } else {
    table(Copy{o.length}, o);
  }
}
