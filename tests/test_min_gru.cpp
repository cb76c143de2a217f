#include "unroll/layers/min_gru.hpp"

#include "cell_checks.hpp"
#include "golden_min_rnn.hpp"
#include "unroll/autograd/permute.hpp"
#include "unroll/layers/check_parallel.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/stream.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Cell>
Cell scattered_cell() {
  Cell cell(3, 4);
  scatter(cell, 1);
  return cell;
}

double candidate(double v) { return v >= 0 ? v + 0.5 : sigma(v); }

/// The reference's layer: no bias, a projection of the hidden states to the input's width.
template <class Layer>
void equals_reference(ReferenceCase golden, index_t gates) {
  const V& w = golden["W"];
  Layer layer(w.shape()[1], w.shape()[0] / gates, {.bias = false, .batch_first = true});
  layer.cell(0).weight = w;
  const auto [y, h] = layer(golden["x"], permute(golden["h0"], {1, 0, 2}));
  golden.expect({{"y", linear(y, golden["W_out"])}, {"h", permute(h, {1, 0, 2})}});
}

}  // namespace

TEST_CASE("minGRU and minLSTM: equal the reference code's outputs and gradients") {
  equals_reference<MinGru<double>>(golden_min_gru(), 2);
  equals_reference<MinLstm<double>>(golden_min_lstm(), 3);
}

TEST_CASE("minGRU: two steps equal the hand computation") {
  const auto cell = scattered_cell<MinGruCell<double>>();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec u = affine(cell.weight, x, cell.bias);
    for (std::size_t j = 0; j < 4; ++j) {
      const double z = sigma(u[4 + j]);
      s[0][j] = (1 - z) * s[0][j] + z * candidate(u[j]);
    }
  });
}

TEST_CASE("minLSTM: two steps equal the hand computation") {
  const auto cell = scattered_cell<MinLstmCell<double>>();
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec u = affine(cell.weight, x, cell.bias);
    for (std::size_t j = 0; j < 4; ++j) {
      const double f = sigma(u[4 + j]), i = sigma(u[8 + j]);
      s[0][j] = f / (f + i) * s[0][j] + i / (f + i) * candidate(u[j]);
    }
  });
}

TEST_CASE("minGRU and minLSTM: all steps at once equal one step at a time") {
  check_parallel(scattered_cell<MinGruCell<double>>());
  check_parallel(scattered_cell<MinLstmCell<double>>());
  check_parallel(scattered_cell<MinGruCell<float>>());
  check_parallel(scattered_cell<MinLstmCell<float>>());
}

TEST_CASE("minGRU and minLSTM: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(scattered_cell<MinGruCell<double>>());
  gradients_pass(scattered_cell<MinLstmCell<double>>());
}

TEST_CASE("minGRU and minLSTM: second-order gradients pass the check") {
  second_order_passes(scattered_cell<MinGruCell<double>>());
  second_order_passes(scattered_cell<MinLstmCell<double>>());
}

TEST_CASE("minGRU: stacks in both directions, with a learned initial state that resets go back to") {
  stack_passes(MinGru<double>(2, 3, {.num_layers = 2, .bidirectional = true}), 2);
  stack_passes(MinGru<double>(2, 3, {.num_layers = 2, .learn_initial_state = true}), 2);
}

TEST_CASE("minGRU: a stream gives what training gives") {
  MinGru<double> gru(3, 4, {.num_layers = 2});
  scatter(gru, 5);
  const V x = random_parameter({50, 2, 3}, 6).detach();
  const V y = gru(x).output;
  auto s = stream(gru, 2);
  for (index_t t = 0; t < 50; ++t)
    CHECK(distance(list(s.step(select(x, 0, t))), list(select(y, 0, t))) < 1e-12);
}

TEST_CASE("minGRU and minLSTM: a layer of it names what does not fit") {
  errors_are_named(MinGru<double>(3, 4));
  errors_are_named(MinLstm<double>(3, 4));
  CHECK_THROWS_AS(MinGruCell<double>(3, 0), ShapeError);
}
