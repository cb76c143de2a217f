// The adding problem (Hochreiter and Schmidhuber 1997): of T numbers two are marked, and the answer, asked
// for after the last, is their sum. Who always answers 1 has a mean squared error of 1/6; who does better
// remembers.

#include <fmt/core.h>

#include <map>

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

struct Options {
  std::string cell = "gru";
  index_t length = 100, batch = 50, hidden = 100;
  int steps = 5000;
  double lr = 1e-3, clip = 1;
  std::uint64_t seed = 1;
};

struct Batch {
  Variable<float> x;       // (T, B, 2): a number from [0, 1), and 1 where it is marked
  Variable<float> target;  // (B, 1)
};

Batch draw(index_t length, index_t batch, Generator& rng) {
  xt::xtensor<float, 3> x = xt::zeros<float>({length, batch, index_t{2}});
  xt::xtensor<float, 2> target = xt::zeros<float>({batch, index_t{1}});
  const auto below = [&](index_t n) {
    return static_cast<index_t>(rng.below(static_cast<std::uint64_t>(n)));
  };
  for (index_t b = 0; b < batch; ++b) {
    for (index_t t = 0; t < length; ++t) x(t, b, 0) = static_cast<float>(rng.uniform());
    const index_t first = below(length), other = below(length - 1);
    for (const index_t t : {first, other < first ? other : other + 1}) {
      x(t, b, 1) = 1;
      target(b, 0) += x(t, b, 0);
    }
  }
  return {x, target};
}

template <class Layer>
void run(const Options& o) {
  manual_seed(o.seed);
  Generator data(o.seed);
  const Layer rnn(2, o.hidden);
  const Linear<> answer(o.hidden, 1);
  auto weights = parameters(rnn);
  for (const auto& p : parameters(answer)) weights.push_back(p);
  Adam adam(weights, {.lr = o.lr});
  const auto error = [&](const Batch& batch) {
    return mse(answer(select(rnn(batch.x).output, 0, -1)), batch.target);
  };
  const int report = std::max(1, o.steps / 20);
  double mean = 0;
  for (int step = 1; step <= o.steps; ++step) {
    const Variable<float> loss = error(draw(o.length, o.batch, data));
    loss.backward();
    clip_grad_norm(weights, o.clip);
    adam.step(), adam.zero_grad();
    mean += loss.item() / report;
    if (step % report != 0) continue;
    fmt::print("step {:6}  error {:.5f}\n", step, std::exchange(mean, 0));
    std::fflush(stdout);
  }
  const NoGrad off;
  const double e = error(draw(o.length, 1000, data)).item();
  fmt::print("{}: {} at T = {}, error {:.5f} on 1000 new sequences (always 1: 0.16667; the goal: 0.005)\n",
             e < 0.005 ? "solved" : "not solved", o.cell, o.length, e);
}

}  // namespace

int main(int argc, char** argv) {
  Options o;
  const std::map<std::string, void (*)(const Options&)> cells = {
      {"gru", run<Gru<>>}, {"lstm", run<Lstm<>>}, {"tanh", run<Elman<>>}, {"irnn", run<Irnn<>>}};
  program::CommandLine line("The adding problem: remember two of T numbers and add them.");
  line.add("cell", o.cell, "irnn: ReLU, initialised to the identity",
           {.words = {"gru", "irnn", "lstm", "tanh"}});
  line.add("length", o.length, "T", {.low = 2, .high = 100000});
  line.add("steps", o.steps, "updates", program::at_least(0));
  line.add("batch", o.batch, "sequences per update", program::at_least(1));
  line.add("hidden", o.hidden, "units", program::at_least(1));
  line.add("lr", o.lr, "Adam's learning rate", program::at_least(0));
  line.add("clip", o.clip, "largest norm of the gradient", program::at_least(0));
  line.add("seed", o.seed, "seed of weights and data");
  if (const auto status = line.read(argc, argv)) return *status;
  cells.at(o.cell)(o);
}
