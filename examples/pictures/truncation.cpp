#include <fmt/format.h>

#include "pictures/pictures.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/layers/gradient_norms.hpp"
#include "unroll/layers/lstm.hpp"

namespace unroll::pictures {
namespace {

constexpr index_t steps = 100, window = 20, batch = 16, inputs = 8, hidden = 32;

/// ‖∂L/∂c_t‖ for the sum L of a loss at each step, back-propagated within windows of `length` steps.
report::Line norms_within(index_t length, std::string name, const Lstm<double>& rnn) {
  Generator rng(2);
  Variable<double> x({steps, batch, inputs}, 0), direction({steps, batch, hidden}, 0);
  init::normal(x, 0, 1, rng), init::normal(direction, 0, 1, rng);
  report::Line line{.name = std::move(name)};
  Lstm<double>::State state;
  for (index_t first = 0; first < steps; first += length) {
    const GradientNorms<double> norms;
    const auto [output, last] = rnn(slice(x, 0, first, first + length), state);
    const auto found = norms.per_step(sum(output * slice(direction, 0, first, first + length)));
    line.y.insert(line.y.end(), found.back().norms.begin(), found.back().norms.end());
    state = detach_state(last);
  }
  return line;
}

}  // namespace

report::Figure truncation() {
  Generator rng(1);
  Lstm<double> rnn(inputs, hidden, {}, rng);
  init::forget_bias(rnn.cell(0).bias_ih, 3), init::forget_bias(rnn.cell(0).bias_hh, 0);
  report::Chart chart{
      .x = {.title = "step"},
      .y = {.title = "norm of the gradient of the loss at all steps by the cell state", .low = 0.0},
      .height = 260};
  chart.lines.push_back(norms_within(steps, "through all 100 steps", rnn));
  chart.lines.push_back(norms_within(window, fmt::format("in windows of {} steps", window), rnn));
  for (index_t t = window; t < steps; t += window)
    chart.marks.push_back({.at = static_cast<double>(t) - 0.5, .text = t == window ? "cut" : ""});
  return {.title = "What truncation cuts",
          .description =
              "The gradient through all steps is the larger the more steps follow; in windows of 20 steps "
              "it falls at the end of each window to that of the loss at a single step.",
          .width = 680,
          .panels = {chart}};
}

}  // namespace unroll::pictures
