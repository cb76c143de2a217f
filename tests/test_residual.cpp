#include "unroll/layers/residual.hpp"

#include "cell_checks.hpp"
#include "unroll/layers/any_recurrent.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Mixer>
ResidualCell<Mixer> scattered_block(index_t input, const ResidualOptions& options = {}) {
  Generator rng(3);
  ResidualCell<Mixer> cell(input, 4, options, rng);
  scatter(cell, 1);
  eval(cell);
  return cell;
}

Vec root_mean_square(Vec x, const V& gamma) {
  double square = 0;
  for (const double v : x) square += v * v / static_cast<double>(x.size());
  for (std::size_t k = 0; k < x.size(); ++k) x[k] *= gamma.data()[k] / std::sqrt(square + 1e-6);
  return x;
}
Vec silu_times(const Vec& both) {
  Vec y;
  for (std::size_t j = 0; j < both.size() / 2; ++j)
    y.push_back(both[j] * sigma(both[j]) * both[both.size() / 2 + j]);
  return y;
}

}  // namespace

TEST_CASE("residual: two steps equal the hand computation") {
  const auto cell = scattered_block<MinGruCell<double>>(3, {.expansion = 1.5, .feed_forward = 5});
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec in = affine(cell.weight_in, x);
    const Vec v = affine(cell.mixer.weight, root_mean_square(in, cell.norm_mixer.weight), cell.mixer.bias);
    for (std::size_t j = 0; j < 6; ++j) {
      const double z = sigma(v[6 + j]), g = v[j] >= 0 ? v[j] + 0.5 : sigma(v[j]);
      s[1][j] = (1 - z) * s[1][j] + z * g;
    }
    const Vec u = plus(in, affine(cell.weight_out, s[1]));
    const Vec n = root_mean_square(u, cell.norm_feed_forward.weight);
    s[0] = plus(u, affine(cell.weight_down, silu_times(affine(cell.weight_up, n))));
  });
}

TEST_CASE("residual: all steps at once equal one step at a time, for mixers of every kind") {
  check_parallel(scattered_block<MinGruCell<double>>(3, {.expansion = 1.5}));
  check_parallel(scattered_block<LruCell<double>>(4));
  check_parallel(scattered_block<LstmCell<double>>(4));
  check_parallel(scattered_block<ResidualCell<MinGruCell<double>>>(4));
  check_parallel(scattered_block<MinGruCell<float>>(4));
}

TEST_CASE("residual: gradients of first and second order pass the check") {
  gradients_pass(scattered_block<MinGruCell<double>>(3, {.feed_forward = 5}));
  second_order_passes(scattered_block<MinGruCell<double>>(4, {.feed_forward = 5}));
}

TEST_CASE("residual: a stack of blocks carries one state, streams, and runs as any layer") {
  Generator rng(2);
  ResidualStack<MinGruCell<double>> net(3, 4, {.num_layers = 3}, {.feed_forward = 5}, rng);
  scatter(net, 7);
  const V x = random_parameter({20, 2, 3}, 6).detach();
  const auto whole = net(x);
  CHECK(whole.state.h.shape() == Shape{3, 2, 4});
  CHECK(whole.state.mixer.shape() == Shape{3, 2, 4});
  auto first = net(slice(x, 0, 0, 9));
  const auto rest = net(slice(x, 0, 9), first.state);
  CHECK(distance(list(rest.output), list(slice(whole.output, 0, 9))) < 1e-12);
  CHECK(distance(list(rest.state.mixer), list(whole.state.mixer)) < 1e-12);
  auto s = stream(net, 2);
  for (index_t t = 0; t < 20; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(whole.output, 0, t))) < 1e-12);
  const AnyRecurrent<double> any = net;
  const auto run = any(x);
  CHECK(list(run.output) == list(whole.output));
  CHECK(run.state.members[1].name == "mixer_h");
  CHECK(list(any(x, run.state).output) == list(net(x, whole.state).output));
}

TEST_CASE("residual: the last block of a stack normalises its output") {
  Generator rng(2);
  ResidualStack<MinGruCell<double>> net(3, 4, {.num_layers = 2}, {.feed_forward = 5}, rng);
  scatter(net, 7);
  const V x = random_parameter({5, 2, 3}, 6).detach();
  const auto normalised = list(net(x).output);
  const V gamma = net.cell(1).norm_output.weight;
  CHECK_FALSE(net.cell(0).norm_output.weight);
  for (std::size_t row = 0; row < 10; ++row) {
    double square = 0;
    for (std::size_t j = 0; j < 4; ++j) square += std::pow(normalised[row * 4 + j] / gamma.data()[j], 2) / 4;
    CHECK(square == doctest::Approx(1).epsilon(1e-4));
  }
}

TEST_CASE("residual: dropout acts in training alone, on what the parts add") {
  Generator rng(2);
  ResidualCell<MinGruCell<double>> cell(4, 4, {.dropout = 0.5}, rng);
  const V x = random_parameter({6, 2, 4}, 6).detach();
  const auto a = list(scan(cell, x).output), b = list(scan(cell, x).output);
  CHECK(a != b);
  eval(cell);
  CHECK(list(scan(cell, x).output) == list(scan(cell, x).output));
  CHECK(cell.row_wise());
  train(cell);
  CHECK_FALSE(cell.row_wise());
}

TEST_CASE("residual: names what does not fit") {
  using Cell = ResidualCell<MinGruCell<double>>;
  CHECK(names(Cell(3, 4)) ==
        "weight_in(4, 3) norm_mixer.weight(4,) mixer.weight(8, 4) mixer.bias(8,) "
        "norm_feed_forward.weight(4,) weight_up(32, 4) weight_down(4, 16)");
  CHECK_THROWS_AS(Cell(0, 4), ShapeError);
  CHECK(message_of<UsageError>([] { Cell(3, 4, ResidualOptions{.expansion = 0}); }) ==
        "residual: need expansion > 0, feed_forward ≥ 0 and 0 ≤ dropout < 1; got 0, 0 and 0");
  Generator rng(1);
  errors_are_named(ResidualStack<MinGruCell<double>>(3, 4, {}, {}, rng));
}
