// Signals seen at irregular times, and most of their values missing: what are they now? Each channel is a random walk that
// is drawn back to zero at a speed of its own, and at each step few of the channels are seen: the best guess is the last value
// seen, decayed. GRU-D and CfC are told the time since the step before as what it is; a GRU gets it as one more column.

#include <fmt/core.h>

#include <cmath>

#include <unroll/autograd/axis_views.hpp>
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
  int steps = 200;
  index_t batch = 32, length = 50, channels = 4, hidden = 32;
  double seen = 0.25;
  std::uint64_t seed = 1;
};

/// x (T, B, C), 0 where missing; mask likewise; dt (T, B); the true values and the best guess (T, B, C).
struct Batch {
  V x, dt, mask, truth, guess;
};

Batch draw(const Options& o, Generator& rng) {
  const Shape shape{o.length, o.batch, o.channels};
  Batch b{V(shape, 0), V({o.length, o.batch}, 0), V(shape, 0), V(shape, 0), V(shape, 0)};
  float *x = b.x.mutable_data(), *dt = b.dt.mutable_data(), *mask = b.mask.mutable_data();
  float *truth = b.truth.mutable_data(), *guess = b.guess.mutable_data();
  const index_t row = o.batch * o.channels;
  for (index_t k = 0; k < shape.size(); ++k) {
    const bool first = k < row;
    float& gap = dt[k / o.channels];
    if (k % o.channels == 0 && !first) gap = static_cast<float>(-std::log(1 - rng.uniform()));
    const double speed = 0.05 * std::pow(2.0, static_cast<double>(k % o.channels));
    const double keep = first ? 0 : std::exp(-speed * gap), before = first ? 0 : truth[k - row];
    truth[k] = static_cast<float>(keep * before + std::sqrt(1 - keep * keep) * rng.normal());
    mask[k] = rng.uniform() < o.seen ? 1 : 0;
    x[k] = mask[k] * truth[k];
    guess[k] = mask[k] != 0 ? x[k] : static_cast<float>(keep * (first ? 0 : guess[k - row]));
  }
  return b;
}

/// Trains `run`, which gives the hidden states of a batch, with a readout. Prints the error on fresh batches.
template <class Net, class Run>
void learn(const char* name, const Net& net, const Run& run, const Options& o) {
  Generator rng(o.seed + 1);
  const Linear<float> readout(o.hidden, o.channels, {}, rng);
  auto weights = parameters(net);
  for (auto& p : parameters(readout)) weights.push_back(p);
  Adam adam(weights, {.lr = 3e-3});
  for (int k = 0; k < o.steps; ++k) {
    const Batch b = draw(o, rng);
    mse(readout(run(b)), b.truth).backward();
    clip_grad_norm(weights, 1);
    adam.step(), adam.zero_grad();
  }
  const NoGrad off;
  double error = 0, best = 0;
  for (int k = 0; k < 20; ++k) {
    const Batch b = draw(o, rng);
    error += mse(readout(run(b)), b.truth).item() / 20;
    best += mse(b.guess, b.truth).item() / 20;
  }
  fmt::print("{:22} mean square error {:.3f}, the best possible {:.3f}\n", name, error, best);
}

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Recurrent networks for signals with missing values at irregular times");
  line.add("steps", o.steps, "batches to learn from");
  line.add("seen", o.seen, "the probability that a value is not missing");
  line.add("seed", o.seed, "of the signals and the weights");
  if (const auto status = line.read(argc, argv)) return *status;

  Generator rng(o.seed);
  const Gru<float> gru(2 * o.channels + 1, o.hidden, {}, rng);
  const Cfc<float> cfc(2 * o.channels, o.hidden, {}, rng, {.units = o.hidden});
  const GruD<float> gru_d(o.channels, o.hidden, {}, rng);
  const auto columns = [&](const Batch& b) {
    return gru(concat({b.x, b.mask, unsqueeze(b.dt, 2)}, 2)).output;
  };
  const auto closed_form = [&](const Batch& b) { return cfc(concat({b.x, b.mask}, 2), b.dt).output; };
  const auto decaying = [&](const Batch& b) { return gru_d(b.x, b.dt, b.mask).output; };
  learn("GRU, time as a column:", gru, columns, o);
  learn("CfC:", cfc, closed_form, o);
  learn("GRU-D:", gru_d, decaying, o);
}
