#include <type_traits>
#include <utility>

#include "pictures/pictures.hpp"
#include "unroll/autograd/losses.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/optim/adam.hpp"
#include "unroll/optim/clip.hpp"

namespace unroll::pictures {
namespace {

constexpr index_t steps = 40, batch = 32, hidden = 32;

struct Sums {
  Variable<float> x,
      answer;  // (T, B, 2): a number, and 1 where it is marked; (B, 1): the sum of the two marked
};

Sums draw_sums(Generator& rng) {
  std::vector<float> x(static_cast<std::size_t>(steps * batch * 2), 0),
      answer(static_cast<std::size_t>(batch), 0);
  for (std::size_t b = 0; b < batch; ++b) {
    const auto at = [&](std::size_t t) { return (t * batch + b) * 2; };
    for (std::size_t t = 0; t < steps; ++t) x[at(t)] = static_cast<float>(rng.uniform());
    const std::size_t first = rng.below(steps / 2), second = steps / 2 + rng.below(steps / 2);
    for (const std::size_t t : {first, second}) x[at(t) + 1] = 1, answer[b] += x[at(t)];
  }
  return {Variable<float>::from({steps, batch, 2}, x), Variable<float>::from({batch, 1}, answer)};
}

/// The error, averaged over 20 updates each.
template <class Layer>
report::Line learn(std::string name, int updates) {
  Generator rng(1);
  Layer rnn(2, hidden, {}, rng);
  const Linear<> readout(hidden, 1, {}, rng);
  if constexpr (std::is_same_v<Layer, Lstm<>>) {
    init::forget_bias(rnn.cell(0).bias_ih, 1), init::forget_bias(rnn.cell(0).bias_hh, 0);
  }
  auto weights = parameters(rnn);
  for (const auto& p : parameters(readout)) weights.push_back(p);
  Adam adam(weights, {.lr = 3e-3});
  report::Line line{.name = std::move(name)};
  constexpr int together = 20;
  double mean = 0;
  for (int k = 1; k <= updates; ++k) {
    const Sums batch = draw_sums(rng);
    const Variable<float> loss = mse(readout(select(rnn(batch.x).output, 0, -1)), batch.answer);
    loss.backward();
    clip_grad_norm(weights, 1);
    adam.step(), adam.zero_grad();
    mean += loss.item() / together;
    if (k % together == 0) line.x.push_back(k), line.y.push_back(std::exchange(mean, 0));
  }
  return line;
}

}  // namespace

report::Figure losses_of_cells(const Effort& effort) {
  const int updates = effort.updates(1500);
  report::Chart chart{
      .x = {.title = "updates"},
      .y = {.title = "mean squared error; dashed: of the answer 1", .scale = report::Scale::log},
      .legend = report::Legend::ends,
      .height = 300};
  chart.lines.push_back(learn<Elman<>>("tanh", updates));
  chart.lines.push_back(learn<Irnn<>>("identity (IRNN)", updates));
  chart.lines.push_back(learn<Lstm<>>("LSTM, forget bias 1", updates));
  chart.lines.push_back(learn<Gru<>>("GRU", updates));
  chart.marks.push_back({.at = 1.0 / 6, .level = true});
  return {.title = "The adding problem over 40 steps",
          .description =
              "The errors of the GRU, the LSTM and the IRNN fall below that of the constant answer; when, "
              "and how far, differs by cell.",
          .width = 680,
          .panels = {chart}};
}

}  // namespace unroll::pictures
