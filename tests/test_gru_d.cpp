#include "unroll/layers/gru_d.hpp"

#include "cell_checks.hpp"
#include "unroll/autograd/reduce.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

GruDCell<double> gru_d_cell(bool bias = true) {
  GruDCell<double> cell(3, 2, bias);
  scatter(cell, 1);
  cell.mean = values({3}, {0.3, -0.2, 0.1}).detach();
  return cell;
}
V some_mask(index_t steps) {
  V mask({steps, 2, 3}, 0.0);
  for (index_t k = 0; k < mask.size(); ++k) mask.mutable_data()[k] = k % 3 == 0 || k % 7 == 1 ? 1 : 0;
  return mask;
}
std::tuple<V, V, V> gru_d_inputs(index_t steps) {
  return {random_parameter({steps, 2, 3}, 2), random_parameter({steps, 2, 1}, 3, 0.1, 2), some_mask(steps)};
}
GruDState<double> gru_d_start() {
  return {random_parameter({2, 2}, 4), random_parameter({2, 3}, 5), random_parameter({2, 3}, 6, 0.1, 1)};
}

// The equations on plain numbers.
auto plain_gru_d(const GruDCell<double>& cell) {
  return [&cell](const std::vector<Vec>& in, std::vector<Vec>& s) {
    Vec delta = s[2], x_hat(3), h = s[0];
    for (std::size_t j = 0; j < 3; ++j) {
      const double mean = cell.mean.data()[j];
      delta[j] += in[1][0];
      const double gamma =
          std::exp(-std::max(0.0, cell.input_decay.data()[j] * delta[j] + cell.input_decay_bias.data()[j]));
      x_hat[j] = in[2][j] != 0 ? in[0][j] : gamma * (s[1][j] + mean) + (1 - gamma) * mean;
    }
    const Vec decay = affine(cell.hidden_decay, delta, cell.hidden_decay_bias);
    for (std::size_t j = 0; j < 2; ++j) h[j] *= std::exp(-std::max(0.0, decay[j]));
    const Vec gates = plus(affine(cell.weight_ih, x_hat, cell.bias), affine(cell.weight_mask, in[2]));
    const Vec u = affine(cell.weight_hh, h);
    Vec reset = h;
    for (std::size_t j = 0; j < 2; ++j) reset[j] *= sigma(gates[j] + u[j]);
    const Vec w = affine(cell.weight_rh, reset);
    for (std::size_t j = 0; j < 2; ++j) {
      const double z = sigma(gates[2 + j] + u[2 + j]);
      s[0][j] = (1 - z) * std::tanh(gates[4 + j] + w[j]) + z * h[j];
    }
    for (std::size_t j = 0; j < 3; ++j) {
      if (in[2][j] != 0) s[1][j] = in[0][j] - cell.mean.data()[j];
      s[2][j] = in[2][j] != 0 ? 0 : delta[j];
    }
  };
}

}  // namespace

TEST_CASE("gru_d: two steps equal the hand computation") {
  for (const auto& cell : {gru_d_cell(), gru_d_cell(false)})
    several_equal_plain(cell, plain_gru_d(cell), gru_d_start(), gru_d_inputs(2));
}

TEST_CASE("gru_d: gradients of scans pass the check, element by element, and those of gradients") {
  several_gradients_pass(gru_d_cell(), gru_d_start(), gru_d_inputs(3));
}

TEST_CASE("gru_d: streams and parts of a sequence give the whole; above the first layer nothing is missing") {
  const GruD<double> net(3, 2, {.num_layers = 2});
  scatter(net, 7);
  const auto [x, dt, mask] = gru_d_inputs(5);
  several_streams_pass(net, std::tuple{x, dt, mask});
  const auto [y, state] = net(x, dt, mask);
  CHECK(state.last.shape() == Shape{2, 2, 3});
  const V h = scan(net.cell(0), std::tuple{x, dt, mask}).output;
  CHECK(list(y) == list(scan(net.cell(1), std::tuple{h, dt, V(h.shape(), 1.0)}).output));
  CHECK(list(net(x).output) == list(net(x, V({5, 2}, 1.0), V({5, 2, 3}, 1.0)).output));
}

TEST_CASE("gru_d: a cell above the first is one that sees everything, without weights of the mask") {
  GruDCell<double> cell(3, 2, true, default_generator(), 5), plain(3, 2);
  scatter(cell, 8);
  plain.weight_ih = cell.weight_ih, plain.weight_hh = cell.weight_hh, plain.weight_rh = cell.weight_rh;
  plain.bias = cell.bias, plain.hidden_decay_bias = cell.hidden_decay_bias;
  plain.weight_mask.update([](auto& w) { w.fill(0); });
  plain.hidden_decay = concat({cell.hidden_decay, V({2, 2}, 0.0)}, 1).detach();
  const auto [x, dt, mask] = gru_d_inputs(4);
  const V h0 = random_parameter({2, 2}, 9), seen(x.shape(), 1.0);
  auto start = plain.initial_state(2), above = cell.initial_state(2);
  start.h = above.h = h0;
  CHECK(above.last.shape() == Shape{2, 5});
  const auto right = scan(plain, std::tuple{x, dt, seen}, start),
             got = scan(cell, std::tuple{x, dt, seen}, above);
  CHECK(distance(list(got.output), list(right.output)) < 1e-14);
  several_gradients_pass(cell, above, gru_d_inputs(3));
}

TEST_CASE("gru_d: what is missing does not matter, NaN included, forward and backward") {
  const auto cell = gru_d_cell();
  const auto [x, dt, mask] = gru_d_inputs(4);
  const auto run = [&](double filler) {
    V filled = x.detach().copy();
    for (index_t k = 0; k < filled.size(); ++k)
      if (mask.data()[k] == 0) filled.mutable_data()[k] = filler;
    filled.requires_grad(true);
    for (const V& p : leaves(cell)) V(p).zero_grad();
    const auto [y, last] = scan(cell, std::tuple{filled, dt, mask}, {.lengths = {4, 3}});
    sum(y * y).backward();
    std::vector<Vec> results = {list(y), list(last.last), gradient_list(filled)};
    for (const V& p : leaves(cell)) results.push_back(gradient_list(p));
    return results;
  };
  const auto zeros = run(0), nans = run(std::nan(""));
  REQUIRE(zeros.size() == nans.size());
  for (std::size_t k = 0; k < zeros.size(); ++k) CHECK(distance(nans[k], zeros[k]) == 0);
}

TEST_CASE("gru_d: without observations x is its mean, and after long the last observation is forgotten") {
  GruDCell<double> cell(1, 1);
  for (V* p : {&cell.weight_hh, &cell.weight_rh, &cell.weight_mask, &cell.bias})
    p->update([](auto& w) { w.fill(0); });
  cell.weight_ih = values({3, 1}, {0, 0, 1});  // h' = ½ tanh(x̂) + ½ ĥ, with ĥ = 0 at first
  cell.mean.update([](auto& m) { m.fill(0.4); });
  cell.input_decay.update([](auto& w) { w.fill(1); });
  const V nothing({1, 1}, 0.0), x({1, 1}, 0.9);
  const auto h = [&](const GruDState<double>& s, const V& mask, double dt) {
    return detail::whole_step(cell, std::tuple{x, V({1, 1}, dt), mask}, s);
  };
  CHECK(h(cell.initial_state(1), nothing, 3).h.item() == doctest::Approx(0.5 * std::tanh(0.4)));
  auto seen = h(cell.initial_state(1), V({1, 1}, 1.0), 3);
  CHECK(seen.h.item() == doctest::Approx(0.5 * std::tanh(0.9)));
  seen.h = nothing;
  CHECK(h(seen, nothing, 0.5).h.item() == doctest::Approx(0.5 * std::tanh(0.4 + 0.5 * std::exp(-0.5))));
  CHECK(h(seen, nothing, 100).h.item() == doctest::Approx(0.5 * std::tanh(0.4)));
}

TEST_CASE("gru_d: a layer of it names what does not fit") {
  const GruD<double> net(3, 4);
  errors_are_named(net);
  const V x({5, 2, 3}, 0.0), dt({5, 2}, 1.0);
  CHECK(message_of<ShapeError>([&] {
          net(x, dt, V({5, 2, 1}, 1.0));
        }) == "recurrent: need mask (5, 2, 3), as x; got (5, 2, 1)");
}
