#include <cmath>
#include <numbers>

#include "pictures/pictures.hpp"
#include "unroll/layers/elman.hpp"

namespace unroll::pictures {
namespace {

/// h' = tanh(U h) from eight states on a circle.
report::Chart paths(std::string title, const std::vector<double>& u) {
  Elman<double> rnn(1, 2);
  auto& cell = rnn.cell(0);
  for (Variable<double>* v : {&cell.weight_ih, &cell.bias_ih, &cell.bias_hh}) init::constant(*v, 0);
  cell.weight_hh = Variable<double>::from({2, 2}, u);
  const NoGrad no_tape;
  const Variable<double> x({60, 1, 1}, 0);
  report::Chart chart{.title = std::move(title),
                      .x = {.title = "first number", .low = -1.05, .high = 1.05},
                      .y = {.title = "second number", .low = -1.05, .high = 1.05},
                      .legend = report::Legend::none,
                      .height = 230};
  for (int k = 0; k < 8; ++k) {
    const double angle = (k + 0.5) * std::numbers::pi / 4, first = std::cos(angle), second = std::sin(angle);
    const auto h0 = Variable<double>::from({1, 1, 2}, std::vector{first, second});
    const Variable<double> h = rnn(x, h0).output;
    report::Line line{.x = {first}, .y = {second}, .colour = 0};
    for (index_t t = 0; t < h.shape()[0]; ++t)
      line.x.push_back(h.data()[2 * t]), line.y.push_back(h.data()[2 * t + 1]);
    report::Line dots = line;
    dots.stroke = report::Stroke::points;
    line.quiet = true;
    chart.lines.push_back(line), chart.lines.push_back(dots);
    chart.lines.push_back({.x = {first}, .y = {second}, .colour = 1, .stroke = report::Stroke::points});
  }
  return chart;
}

std::vector<double> rotation(double gain, double degrees) {
  const double a = degrees * std::numbers::pi / 180;
  return {gain * std::cos(a), -gain * std::sin(a), gain * std::sin(a), gain * std::cos(a)};
}

}  // namespace

report::Figure trajectories() {
  return {.title = "Where a state of two numbers goes by itself",
          .description =
              "Three tanh networks of two units without input, from eight states on a circle: by a small "
              "rotation the state spirals to 0 and forgets, by a large one it goes around for ever, and "
              "where each unit feeds itself alone it ends at one of four points: two bits that stay.",
          .width = 900,
          .columns = 3,
          .panels = {paths("forgets: 0.95 × rotation", rotation(0.95, 20)),
                     paths("goes around: 1.3 × rotation", rotation(1.3, 20)),
                     paths("remembers: 1.5 × identity", rotation(1.5, 0))}};
}

}  // namespace unroll::pictures
