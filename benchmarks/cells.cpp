// Every cell trained on the adding problem or on copy memory: as many parameters, steps and sequences for
// each, and the best of the same few learning rates. Prints a table; the same seed gives the same losses.

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <string>

#include "autograd/functions.hpp"
#include "autograd/gather.hpp"
#include "autograd/losses.hpp"
#include "benchmarks/measure.hpp"
#include "layers/deep_transition.hpp"
#include "layers/elman.hpp"
#include "layers/gru.hpp"
#include "layers/gru_reset_before.hpp"
#include "layers/jordan.hpp"
#include "layers/layer_norm_gru.hpp"
#include "layers/layer_norm_lstm.hpp"
#include "layers/linear_layer.hpp"
#include "layers/lstm.hpp"
#include "layers/lstm_peephole.hpp"
#include "layers/lstm_projection.hpp"
#include "layers/skip_rnn.hpp"
#include "optim/adam.hpp"
#include "optim/clip.hpp"

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

/// Two numbers of a sequence are marked; the target is their sum. Always to say 1 gives 1/6.
struct Adding {
  index_t length;
  static constexpr index_t inputs = 2, outputs = 1;
  static constexpr double know_nothing = 1.0 / 6;

  template <class Model>
  V loss(const Model& model, index_t batch, Generator& rng) const {
    V x({length, batch, inputs}, 0.0F), sums({batch, outputs}, 0.0F);
    for (index_t b = 0; b < batch; ++b) {
      for (index_t t = 0; t < length; ++t) x.data()[(t * batch + b) * 2] = static_cast<float>(rng.uniform());
      for (index_t half : {0, 1}) {
        const auto among = static_cast<std::uint64_t>(length / 2);
        const index_t t = half * (length / 2) + static_cast<index_t>(rng.below(among));
        x.data()[(t * batch + b) * 2 + 1] = 1;
        sums.data()[b] += x.data()[(t * batch + b) * 2];
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

  template <class Model>
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

template <class Net>
struct Model {
  Net net;
  Linear<float> readout;
  template <class F>
  void visit(F&& f) {
    f("net", net), f("readout", readout);
  }
};

struct Outcome {
  double rate = 0, loss = INFINITY, ms = 0;
  int solved = 0;  ///< the step at which the mean of the last 50 losses fell below a tenth of know_nothing
};

template <class M, class Task>
Outcome train(const M& model, const Task& task, const Options& o, double rate) {
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
template <class Task, class Make>
void row(const char* name, const Task& task, const Options& o, Make&& make) {
  if (!o.only.empty() && o.only != name) return;
  const auto model_of = [&](index_t h) {
    Generator rng(1);
    auto net = make(h, rng);
    const index_t size = net.output_size();
    return Model<decltype(net)>{std::move(net), Linear<float>(size, Task::outputs, {}, rng)};
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
  const auto add = [&](const char* name, auto make) { row(name, task, o, make); };
  const auto net = [&]<class Net>(const char* name, std::type_identity<Net>) {
    add(name, [](index_t h, Generator& rng) { return Net(I, h, {}, rng); });
  };
  net("Elman, tanh", std::type_identity<Elman<>>{});
  net("Elman, relu", std::type_identity<Elman<float, Relu>>{});
  net("Irnn", std::type_identity<Irnn<>>{});
  add("Jordan", [](index_t h, Generator& rng) { return Jordan<>(I, h, O, {}, rng); });
  net("SkipRnn", std::type_identity<SkipRnn<>>{});
  net("ForgetGateRnn", std::type_identity<ForgetGateRnn<>>{});
  net("InputGateRnn", std::type_identity<InputGateRnn<>>{});
  net("Lstm", std::type_identity<Lstm<>>{});
  add("Lstm, forget bias 1", [](index_t h, Generator& rng) {
    Lstm<> lstm(I, h, {}, rng);
    init::forget_bias(lstm.cell(0).bias_ih, 1), init::forget_bias(lstm.cell(0).bias_hh, 0);
    return lstm;
  });
  net("LstmPeephole", std::type_identity<LstmPeephole<>>{});
  add("LstmProjection, P = H/2",
      [](index_t h, Generator& rng) { return LstmProjection<>(I, h, std::max<index_t>(1, h / 2), {}, rng); });
  net("LayerNormLstm", std::type_identity<LayerNormLstm<>>{});
  net("Gru", std::type_identity<Gru<>>{});
  net("GruResetBefore", std::type_identity<GruResetBefore<>>{});
  net("LayerNormGru", std::type_identity<LayerNormGru<>>{});
  net("DeepTransition, 2 GRU", std::type_identity<Recurrent<DeepTransition<GruCell<float>, 2>>>{});
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  CLI::App app("Every recurrent cell, trained alike");
  app.add_option("--task", o.task, "adding or copy")->check(CLI::IsMember({"adding", "copy"}));
  app.add_option("--only", o.only, "one row of the table, by its name");
  app.add_option("--length", o.length, "length of a sequence, or number of blanks")
      ->check(CLI::Range(2, 10000));
  app.add_option("--batch", o.batch, "sequences in a step")->check(CLI::PositiveNumber);
  app.add_option("--parameters", o.parameters, "parameters of a model, at most");
  app.add_option("--steps", o.steps, "training steps")->check(CLI::PositiveNumber);
  app.add_option("--rates", o.rates, "learning rates of Adam to choose from");
  app.add_option("--clip", o.clip, "largest norm of the gradient");
  CLI11_PARSE(app, argc, argv);
  if (o.task == "adding") {
    table(Adding{o.length}, o);
  } else {
    table(Copy{o.length}, o);
  }
}
