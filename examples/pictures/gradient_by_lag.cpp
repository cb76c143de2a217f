#include <fmt/format.h>

#include "pictures/pictures.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gradient_norms.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::pictures {
namespace {

constexpr index_t steps = 101, batch = 16, inputs = 8, hidden = 64;

/// The share of the gradient of a loss on the last state that arrives k steps before it.
template <class Layer>
report::Line by_lag(std::string name, const Layer& rnn) {
  Generator rng(2);
  Variable<double> x({steps, batch, inputs}, 0), direction({batch, hidden}, 0);
  init::normal(x, 0, 1, rng), init::normal(direction, 0, 1, rng);
  const GradientNorms<double> norms;
  // Of an LSTM's members c comes last, and includes what goes through h.
  const auto lags = norms.per_lag(sum(select(rnn(x).output, 0, -1) * direction)).back().norms;
  report::Line line{.name = std::move(name)};
  for (const double norm : lags) line.y.push_back(norm / lags[0]);
  return line;
}

/// A ReLU network whose recurrent weights are `gain` times a rotation.
Elman<double, Relu> rotating(double gain, Generator& rng) {
  Elman<double, Relu> rnn(inputs, hidden, {}, rng);
  init::orthogonal(rnn.cell(0).weight_hh, {.gain = gain}, rng);
  return rnn;
}

}  // namespace

report::Figure gradient_by_lag() {
  Generator rng(1);
  Lstm<double> open(inputs, hidden, {}, rng);
  init::forget_bias(open.cell(0).bias_ih, 3), init::forget_bias(open.cell(0).bias_hh, 0);
  report::Chart chart{.x = {.title = "steps back"},
                      .y = {.title = "share of the gradient", .scale = report::Scale::log, .low = 1e-12},
                      .legend = report::Legend::ends,
                      .height = 320};
  chart.lines.push_back(by_lag("ReLU, 2 × rotation", rotating(2, rng)));
  chart.lines.push_back(by_lag("tanh", Elman<double>(inputs, hidden, {}, rng)));
  chart.lines.push_back(by_lag("identity (IRNN)", Irnn<double>(inputs, hidden, {}, rng)));
  chart.lines.push_back(by_lag("LSTM", Lstm<double>(inputs, hidden, {}, rng)));
  chart.lines.push_back(by_lag("LSTM, forget bias 3", open));
  return {.title = "What arrives of a gradient",
          .description =
              "Over a hundred steps back, the gradient of the tanh network and of the LSTM vanishes "
              "exponentially, that of the ReLU network with large weights explodes, and that of the "
              "identity and of the LSTM with open forget gates stays.",
          .width = 680,
          .panels = {chart}};
}

}  // namespace unroll::pictures
