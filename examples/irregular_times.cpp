// Signals seen at irregular times, and most of their values missing: what are they now? Each channel is a random walk that
// is drawn back to zero at a speed of its own, and at each step few of the channels are seen. GRU-D and CfC are told the time
// since the step before as what it is; a GRU gets it as one more column, beside the values and what is missing.

#include <fmt/core.h>

#include <cmath>

#include <unroll/autograd/join.hpp>
#include <unroll/autograd/losses.hpp>
#include <unroll/layers/cfc.hpp>
#include <unroll/layers/gru.hpp>
#include <unroll/layers/gru_d.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/optim/adam.hpp>
#include <unroll/optim/clip.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<float>;

struct Options {
  int steps = 600;
  index_t batch = 32, length = 50, channels = 4, hidden = 32;
  double rate = 3e-3, seen = 0.25;
  std::uint64_t seed = 1;
};

/// x (T, B, C), 0 where missing; mask likewise; dt (T, B); the true values (T, B, C).
struct Batch {
  V x, dt, mask, truth;
};

Batch draw(const Options& o, Generator& rng) {
  const Shape shape{o.length, o.batch, o.channels};
  Batch batch{V(shape, 0), V({o.length, o.batch}, 0), V(shape, 0), V(shape, 0)};
  float *x = batch.x.mutable_data(), *mask = batch.mask.mutable_data(), *truth = batch.truth.mutable_data();
  float* const dt = batch.dt.mutable_data();
  const auto normal = [&] {
    return std::sqrt(-2 * std::log(1 - rng.uniform())) * std::cos(6.2831853 * rng.uniform());
  };
  const index_t row = o.batch * o.channels;
  for (index_t k = 0; k < shape.size(); ++k) {
    const bool first = k < row;
    if (k % o.channels == 0)
      dt[k / o.channels] = first ? 0 : static_cast<float>(-std::log(1 - rng.uniform()));
    const double speed = 0.05 * std::pow(2.0, static_cast<double>(k % o.channels));
    const double keep = first ? 0 : std::exp(-speed * dt[k / o.channels]);
    truth[k] =
        static_cast<float>((first ? 0 : keep * truth[k - row]) + std::sqrt(1 - keep * keep) * normal());
    mask[k] = rng.uniform() < o.seen ? 1 : 0;
    x[k] = mask[k] * truth[k];
  }
  return batch;
}

/// Trains `run`, which gives the hidden states of a batch, with a readout. Prints the error on fresh batches.
template <class Net, class Run>
void learn(const char* name, const Net& net, const Run& run, const Options& o) {
  Generator rng(o.seed + 1);
  const Linear<float> readout(o.hidden, o.channels, {}, rng);
  auto weights = parameters(net);
  for (auto& p : parameters(readout)) weights.push_back(p);
  Adam adam(weights, {.lr = o.rate});
  for (int k = 0; k < o.steps; ++k) {
    const Batch b = draw(o, rng);
    mse(readout(run(b)), b.truth).backward();
    clip_grad_norm(weights, 1);
    adam.step(), adam.zero_grad();
  }
  const NoGrad off;
  double error = 0;
  for (int k = 0; k < 20; ++k) {
    const Batch b = draw(o, rng);
    error += mse(readout(run(b)), b.truth).item() / 20;
  }
  fmt::print("{:<24} {:6} parameters   mean square error {:.4f}\n", name, count_parameters(net), error);
}

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Recurrent networks for signals with missing values at irregular times");
  line.add("steps", o.steps, "batches to learn from");
  line.add("length", o.length, "steps of a sequence", program::at_least(1));
  line.add("hidden", o.hidden, "units", program::at_least(1));
  line.add("seen", o.seen, "the probability that a value is not missing");
  line.add("rate", o.rate, "learning rate of Adam");
  line.add("seed", o.seed, "of the signals and the weights");
  if (const auto status = line.read(argc, argv)) return *status;

  Generator rng(o.seed);
  const Gru<float> gru(2 * o.channels + 1, o.hidden, {}, rng);
  const Cfc<float> cfc(2 * o.channels, o.hidden, {}, rng, {.units = o.hidden});
  const GruD<float> gru_d(o.channels, o.hidden, {}, rng);
  const auto column = [&](const V& dt) { return reshape(dt, {o.length, o.batch, 1}); };
  learn(
      "GRU, time as a column", gru,
      [&](const Batch& b) {
        return gru(concat({b.x, b.mask, column(b.dt)}, 2)).output;
      },
      o);
  learn(
      "CfC", cfc,
      [&](const Batch& b) {
        return cfc(concat({b.x, b.mask}, 2), b.dt).output;
      },
      o);
  learn(
      "GRU-D", gru_d, [&](const Batch& b) { return gru_d(b.x, b.dt, b.mask).output; }, o);
}
