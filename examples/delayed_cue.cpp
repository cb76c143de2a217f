// Learning online what happened a hundred steps ago: now and then a cue of 1 or −1 shows up among distractions, and
// `delay` steps later the network is asked for its sign. A recurrent trace unit, whose memory is short at first, learns
// from one endless stream to hold it, by exact real-time recurrent learning: nothing of the past is stored, so that memory
// does not grow.

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include <unroll/autograd/losses.hpp>
#include <unroll/autograd/pool_stats.hpp>
#include <unroll/layers/diagonal_rtrl.hpp>
#include <unroll/layers/linear_layer.hpp>
#include <unroll/layers/rtu.hpp>
#include <unroll/optim/adam.hpp>
#include <unroll/optim/clip.hpp>
#include "common/command_line.hpp"

using namespace unroll;
using V = Variable<float>;

struct Options {
  int steps = 1'000'000, report = 100'000, delay = 100;
  index_t hidden = 16;
  double rate = 1e-3;
  std::uint64_t seed = 1;
};

/// Cues one and a half delays apart, more or less; a distraction at one step in ten.
class Stream {
 public:
  explicit Stream(const Options& o) : delay_(o.delay), rng_(o.seed) {}
  /// The next input (1, 2): cue and distraction.
  V next() {
    const bool cue = ++age_ >= next_;
    if (cue) {
      sign_ = sign(), age_ = 0;
      next_ = static_cast<int>(delay_ * rng_.uniform(1.1, 1.9));
    }
    const float distraction = rng_.uniform() < 0.1 ? sign() : 0;
    return V::from({1, 2}, std::vector<float>{cue ? sign_ : 0, distraction});
  }
  /// Whether the cue is to be told now, and the cue.
  bool asks() const { return age_ == delay_ && sign_ != 0; }
  float cue() const { return sign_; }

 private:
  float sign() { return rng_.uniform() < 0.5 ? -1.0f : 1.0f; }

  int delay_, age_ = 0, next_ = 0;
  Generator rng_;
  float sign_ = 0;
};

struct Network {
  using value_type = float;
  Generator rng;
  RtuCell<float> cell;
  Linear<float> readout;
  explicit Network(const Options& o)
      : rng(o.seed),
        cell(2, o.hidden, {.r_min = 0.8, .r_max = 0.97, .max_phase = 0.3}, rng),
        readout(2 * o.hidden, 1, {}, rng) {}
  template <class F>
  void visit(F&& f) {
    f("cell", cell), f("readout", readout);
  }
};

int main(int argc, char** argv) {
  Options o;
  program::CommandLine line("Online learning across a delay, by exact real-time recurrent learning");
  line.add("steps", o.steps, "length of the stream");
  line.add("report", o.report, "steps between lines of output", program::at_least(1));
  line.add("delay", o.delay, "steps from the cue to the answer", program::at_least(1));
  line.add("hidden", o.hidden, "complex units");
  line.add("rate", o.rate, "learning rate of Adam");
  line.add("seed", o.seed, "of the stream and the weights");
  if (const auto status = line.read(argc, argv)) return *status;

  const Network network(o);
  DiagonalRtrl rtrl(network.cell, network.cell.initial_state(1));
  Adam adam(parameters(network), {.lr = o.rate});
  Stream stream(o);
  double squares = 0;
  int answers = 0, right = 0;
  for (int t = 1; t <= o.steps; ++t) {
    const V h = rtrl.step(stream.next());
    if (stream.asks()) {
      const V y = network.readout(h), error = mse(y, V({1, 1}, stream.cue()));
      rtrl.backward(error);
      clip_grad_norm(parameters(network), 1);
      adam.step(), adam.zero_grad();
      squares += error.item();
      ++answers, right += y.item() * stream.cue() > 0;
    }
    if (t % o.report != 0) continue;
    fmt::print("step {:8}   {:4} questions, {:5.1f} % right, rms error {:.3f}   memory {:.0f} KiB\n", t,
               answers, 100.0 * right / std::max(1, answers), std::sqrt(squares / std::max(1, answers)),
               double(pool_stats().peak) / 1024);
    squares = 0, answers = right = 0;
  }
}
