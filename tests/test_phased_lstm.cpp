#include "unroll/layers/phased_lstm.hpp"

#include "cell_checks.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

// Half of the time open, so that steps meet all phases.
PhasedLstmCell<double> phased_cell(bool bias = true) {
  PhasedLstmCell<double> cell(3, 4, bias, default_generator(), {.ratio_on = 0.5, .leak = 0.1});
  scatter(cell, 1);
  return cell;
}
std::tuple<V, V> phased_inputs(index_t steps) {
  return {random_parameter({steps, 2, 3}, 2), random_parameter({steps, 2, 1}, 3, 0.1, 2)};
}
PhasedLstmState<double> phased_start() {
  return {random_parameter({2, 4}, 4), random_parameter({2, 4}, 5), random_parameter({2, 1}, 6, 0, 3)};
}

double openness(double phi, double r, double alpha) {
  if (phi < r / 2) return 2 * phi / r;
  return phi < r ? 2 - 2 * phi / r : alpha * phi;
}

// The equations on plain numbers. `phases` counts rising, falling and closed.
auto plain_phased(const PhasedLstmCell<double>& cell, std::array<int, 3>& phases) {
  return [&](const std::vector<Vec>& in, std::vector<Vec>& s) {
    Vec a = plus(affine(cell.weight_ih, in[0], cell.bias_ih), affine(cell.weight_hh, s[0], cell.bias_hh));
    s[2][0] += in[1][0];
    for (std::size_t j = 0; j < 4; ++j) {
      const double tau = std::exp(cell.log_period.data()[j]), at = (s[2][0] - cell.shift.data()[j]) / tau;
      const double phi = at - std::floor(at), k = openness(phi, cell.ratio_on, cell.training ? cell.leak : 0);
      ++phases[phi < cell.ratio_on / 2 ? 0 : phi < cell.ratio_on ? 1 : 2];
      const double c = sigma(a[4 + j]) * s[1][j] + sigma(a[j]) * std::tanh(a[8 + j]);
      const double h = sigma(a[12 + j]) * std::tanh(c);
      s[1][j] = k * c + (1 - k) * s[1][j];
      s[0][j] = k * h + (1 - k) * s[0][j];
    }
  };
}

}  // namespace

TEST_CASE("phased_lstm: steps equal the hand computation, in all phases, in training and evaluation") {
  for (const bool training : {true, false}) {
    auto cell = phased_cell(training);
    cell.training = training;
    std::array<int, 3> phases{};
    several_equal_plain(cell, plain_phased(cell, phases), phased_start(), phased_inputs(6));
    for (const int count : phases) CHECK(count > 2);
  }
}

TEST_CASE("phased_lstm: gradients of scans pass the check, element by element, and those of gradients") {
  several_gradients_pass(phased_cell(), phased_start(), phased_inputs(3));
}

TEST_CASE("phased_lstm: streams and parts of a sequence give the whole") {
  const PhasedLstm<double> net(3, 4, {.num_layers = 2}, default_generator(), {.ratio_on = 0.5});
  const auto [x, dt] = phased_inputs(5);
  several_streams_pass(net, std::tuple{x, dt});
  CHECK(list(net(x).output) == list(net(x, V({5, 2}, 1.0)).output));
}

TEST_CASE("phased_lstm: a closed unit keeps its state whatever the input, and leaks while training") {
  PhasedLstmCell<double> cell(1, 1, true, default_generator(), {.ratio_on = 0.1, .leak = 0.01});
  cell.log_period.update([](auto& p) { p.fill(std::log(10.0)); });
  cell.shift.update([](auto& p) { p.fill(0); });
  PhasedLstmState<double> s{V({1, 1}, 0.2), V({1, 1}, 0.3), V({1, 1}, 0.0)};
  const auto at = [&](double t) { return cell.step(V({1, 4}, 5.0), V({1, 1}, t), s); };
  CHECK(at(5).h.item() != 0.2);  // a leak of 0.01 · 0.5
  CHECK(at(5).h.item() == doctest::Approx(0.2 + 0.005 * (at(0.5).h.item() - 0.2)));
  eval(cell);
  CHECK(at(5).h.item() == 0.2);
  CHECK(at(5).c.item() == 0.3);
  CHECK(at(5).t.item() == 5);
  CHECK(at(20).h.item() == 0.2);                                  // just opening again
  CHECK(at(20.5).h.item() == doctest::Approx(at(0.5).h.item()));  // open
}

TEST_CASE("phased_lstm: what does not fit is named") {
  errors_are_named(PhasedLstm<double>(3, 4));
  const auto make = [](const PhasedLstmOptions& o) {
    PhasedLstmCell<double>(3, 4, true, default_generator(), o);
  };
  CHECK(message_of<UsageError>([&] { make({.ratio_on = 0}); }) ==
        "phased_lstm: need 0 < ratio_on ≤ 1 and 0 ≤ leak ≤ 1; got 0 and 0.001");
  CHECK(message_of<UsageError>([&] { make({.min_log_period = 4}); }) ==
        "phased_lstm: need min_log_period ≤ max_log_period, both within −80 … 80; got 4 and 3");
}
