#include "unroll/layers/convolved.hpp"

#include "cell_checks.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/residual.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Mixer>
ConvolvedCell<Mixer> scattered_convolved(index_t input, index_t taps) {
  Generator rng(3);
  ConvolvedCell<Mixer> cell(Mixer(input, 4, true, rng), input, taps, rng);
  scatter(cell, 1);
  return cell;
}

}  // namespace

TEST_CASE("convolved: the mixer sees a weighted sum of the last inputs") {
  const auto cell = scattered_convolved<MinGruCell<double>>(3, 3);
  const V x = random_parameter({5, 2, 3}, 6).detach();
  std::vector<double> sums;
  for (index_t t = 0; t < 5; ++t)
    for (index_t b = 0; b < 2; ++b)
      for (index_t i = 0; i < 3; ++i) {
        double c = cell.convolution.bias.data()[i];
        for (index_t k = std::max<index_t>(0, 2 - t); k < 3; ++k)
          c += cell.convolution.weight.data()[i * 3 + k] * x.data()[((t - 2 + k) * 2 + b) * 3 + i];
        sums.push_back(c);
      }
  const V seen = V::from({5, 2, 3}, sums);
  CHECK(distance(list(scan(cell, x).output), list(scan(cell.mixer, seen).output)) < 1e-14);
}

TEST_CASE("convolved: all steps at once equal one step at a time") {
  check_parallel(scattered_convolved<MinGruCell<double>>(3, 4));
  check_parallel(scattered_convolved<LstmCell<double>>(4, 2));
  check_parallel(scattered_convolved<MinGruCell<double>>(3, 1));
}

TEST_CASE("convolved: gradients of first and second order pass the check") {
  gradients_pass(scattered_convolved<MinGruCell<double>>(3, 3));
  second_order_passes(scattered_convolved<MinGruCell<double>>(3, 3));
}

TEST_CASE("convolved: in a stack of residual blocks it streams") {
  Generator rng(2);
  ResidualStack<ConvolvedCell<MinGruCell<double>>> net(3, 4, {.num_layers = 2}, {.feed_forward = 5}, rng);
  scatter(net, 7);
  const V x = random_parameter({9, 2, 3}, 6).detach();
  const auto whole = net(x);
  CHECK(whole.state.mixer.convolution.shape() == Shape{2, 2, 3, 4});
  auto s = stream(net, 2);
  for (index_t t = 0; t < 9; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(whole.output, 0, t))) < 1e-12);
}

TEST_CASE("convolved: names its weights and what does not fit") {
  Generator rng(1);
  using Cell = ConvolvedCell<MinGruCell<double>>;
  CHECK(names(Cell(3, 4)) ==
        "convolution.weight(3, 4) convolution.bias(3,) mixer.weight(8, 3) mixer.bias(8,)");
  CHECK_THROWS_AS(Cell(0, 4), ShapeError);
  CHECK_THROWS_AS(Cell(MinGruCell<double>(3, 4, true, rng), 3, 0, rng), ShapeError);
}
