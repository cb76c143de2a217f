// Copy memory (Hochreiter and Schmidhuber 1997, as in Arjovsky, Shah, Bengio 2016): ten symbols out of eight are
// shown, then T blanks, the last of which is a signal; then the ten symbols must be repeated. A network that knows
// when to answer but not what has a loss of 10 ln 8 / (T + 20) nats. One that does better remembers something over
// T steps.

#include <fmt/core.h>

#include <map>

#include <unroll/autograd/gather.hpp>
#include <unroll/autograd/losses.hpp>
#include <unroll/layers/elman.hpp>
#include <unroll/layers/gru.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/lstm.hpp>
#include <unroll/optim/adam.hpp>
#include <unroll/optim/clip.hpp>
#include "common/command_line.hpp"

using namespace unroll;

namespace {

constexpr index_t symbols = 8, shown = 10, blank = 8, signal = 9, classes = 10;

struct Options {
  std::string cell = "gru";
  index_t blanks = 20, batch = 50, hidden = 128;
  int steps = 10000;
  double lr = 3e-3, clip = 1;
  std::uint64_t seed = 1;
};

struct Batch {
  Variable<float> x;  // (T + 20, B, 10), one-hot
  Indices target;     // (T + 20, B)
};

Batch draw(index_t blanks, index_t batch, Generator& rng) {
  const index_t steps = blanks + 2 * shown;
  xt::xtensor<std::int64_t, 2> x = xt::ones<std::int64_t>({steps, batch}) * blank;
  xt::xtensor<std::int64_t, 2> target = x;
  for (index_t b = 0; b < batch; ++b) {
    for (index_t k = 0; k < shown; ++k) {
      const auto symbol = static_cast<std::int64_t>(rng.below(symbols));
      x(k, b) = symbol;
      target(steps - shown + k, b) = symbol;
    }
    x(steps - shown - 1, b) = signal;
  }
  return {one_hot<float>(x, classes), target};
}

template <class Layer>
void run(const Options& o) {
  manual_seed(o.seed);
  Generator data(o.seed);
  const Layer rnn(classes, o.hidden);
  const Linear<> answer(o.hidden, classes);
  auto weights = parameters(rnn);
  for (const auto& p : parameters(answer)) weights.push_back(p);
  Adam adam(weights, {.lr = o.lr});
  const auto loss_of = [&](const Batch& batch) {
    return cross_entropy(answer(rnn(batch.x).output), batch.target);
  };
  const int report = std::max(1, o.steps / 20);
  double mean = 0;
  for (int step = 1; step <= o.steps; ++step) {
    const Variable<float> loss = loss_of(draw(o.blanks, o.batch, data));
    loss.backward();
    clip_grad_norm(weights, o.clip);
    adam.step();
    adam.zero_grad();
    mean += loss.item() / report;
    if (step % report == 0) {
      fmt::print("step {:6}  loss {:.5f}\n", step, mean);
      std::fflush(stdout);
      mean = 0;
    }
  }
  const NoGrad off;
  const double loss = loss_of(draw(o.blanks, 1000, data)).item();
  const double ignorant = shown * std::log(symbols) / static_cast<double>(o.blanks + 2 * shown);
  fmt::print(
      "{}: {} at T = {}, loss {:.5f} on 1000 new sequences (knowing nothing: {:.5f}; the goal: {:.5f})\n",
      loss < ignorant / 10 ? "solved" : "not solved", o.cell, o.blanks, loss, ignorant, ignorant / 10);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const std::map<std::string, void (*)(const Options&)> cells = {
      {"lstm", run<Lstm<>>}, {"gru", run<Gru<>>}, {"tanh", run<Elman<>>}, {"irnn", run<Irnn<>>}};
  program::CommandLine line("Copy memory: repeat ten symbols after T blanks.");
  line.add("cell", o.cell, "irnn: ReLU, initialised to the identity",
           {.words = {"gru", "irnn", "lstm", "tanh"}});
  line.add("length", o.blanks, "T", program::at_least(1));
  line.add("steps", o.steps, "updates", program::at_least(0));
  line.add("batch", o.batch, "sequences per update", program::at_least(1));
  line.add("hidden", o.hidden, "units", program::at_least(1));
  line.add("lr", o.lr, "Adam's learning rate", program::at_least(0));
  line.add("clip", o.clip, "largest norm of the gradient", program::at_least(0));
  line.add("seed", o.seed, "seed of weights and data");
  if (const auto status = line.read(argc, argv)) return *status;
  cells.at(o.cell)(o);
}
