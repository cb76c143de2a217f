// Learning a signal step by step, as it comes in: an LSTM predicts the next value, and every weight is
// updated after every step, by RTRL, which never looks back, or by truncated BPTT(1, k2), which looks k2
// steps back. The signal is a product of two sines; in its middle one of the periods changes, and the network
// has to adapt.

#include <fmt/core.h>

#include <cmath>
#include <numbers>

#include <unroll/autograd/functions.hpp>
#include <unroll/autograd/losses.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/lstm.hpp>
#include <unroll/layers/rtrl.hpp>
#include <unroll/layers/truncated_bptt.hpp>
#include <unroll/optim/adam.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<double>;

struct Options {
  int steps = 10000, report = 2000;
  index_t hidden = 12, k2 = 10;
  double rate = 1e-3;
};

double signal(int t, const Options& o) {
  const double turn = 2 * std::numbers::pi * t;
  return std::sin(turn / 25) * std::sin(turn / (t < o.steps / 2 ? 40 : 60));
}

struct Predictor {
  using value_type = double;
  Generator rng{1};
  LstmCell<double> cell;
  Linear<double> readout;
  explicit Predictor(index_t hidden) : cell(1, hidden, true, rng), readout(hidden, 1, {}, rng) {}
  template <class F>
  void visit(F&& f) {
    f("cell", cell), f("readout", readout);
  }
};

/// Runs over the signal once; learn(input, target) makes one step, learns from it, and returns its loss.
template <class F>
void follow(const char* name, const Predictor& model, const Options& o, F&& learn) {
  Adam adam(parameters(model), {.lr = o.rate});
  double sum = 0, last_guess = 0;
  for (int t = 0; t < o.steps; ++t) {
    const double now = signal(t, o), next = signal(t + 1, o);
    sum += learn(V({1, 1}, now), V({1, 1}, next));
    last_guess += (next - now) * (next - now);
    adam.step(), adam.zero_grad();
    if ((t + 1) % o.report != 0) continue;
    fmt::print("{:22} steps {:5} to {:5}   rmse {:.4f}   (the last value again: {:.4f})\n", name,
               t + 2 - o.report, t + 1, std::sqrt(sum / o.report), std::sqrt(last_guess / o.report));
    sum = last_guess = 0;
  }
}

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Online learning of a signal, with an update after every step");
  line.add("steps", o.steps, "length of the signal");
  line.add("report", o.report, "steps between lines of output", program::at_least(1));
  line.add("hidden", o.hidden, "size of the LSTM");
  line.add("k2", o.k2, "k2 of the second truncated BPTT: steps that gradients flow back");
  line.add("rate", o.rate, "learning rate of Adam");
  if (const auto status = line.read(argc, argv)) return *status;

  const Predictor model(o.hidden);
  Rtrl rtrl(model.cell, model.cell.initial_state(1));
  follow("RTRL", model, o, [&](const V& x, const V& target) {
    const V loss = mse(model.readout(rtrl.step(x)), target);
    rtrl.backward(loss);
    return loss.item();
  });
  for (index_t k2 : {index_t{1}, o.k2}) {
    const Predictor twin(o.hidden);  // the same weights at the start
    TruncatedBptt bptt(twin.cell, twin.cell.initial_state(1), {.k1 = 1, .k2 = k2});
    follow(fmt::format("truncated BPTT(1, {})", k2).c_str(), twin, o, [&](const V& x, const V& target) {
      const V loss = mse(twin.readout(bptt.step(x)), target);
      bptt.learn(loss);
      return loss.item();
    });
  }
}
