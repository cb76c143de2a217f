#include "cell_checks.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Cell>
Cell scattered(auto... arguments) {
  Cell cell(arguments...);
  scatter(cell, 1);
  return cell;
}

Vec pre_activations(const auto& cell, const Vec& x, const Vec& h) {
  return plus(affine(cell.weight_ih, x, cell.bias_ih), affine(cell.weight_hh, h, cell.bias_hh));
}

}  // namespace

TEST_CASE("lstm peephole: two steps equal the hand computation") {
  const auto cell = scattered<LstmPeepholeCell<double>>(3, 4);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec a = pre_activations(cell, x, s[0]);
    for (std::size_t j = 0; j < 4; ++j) {
      const double i = sigma(a[j] + cell.weight_ci.data()[j] * s[1][j]);
      const double f = sigma(a[4 + j] + cell.weight_cf.data()[j] * s[1][j]);
      s[1][j] = f * s[1][j] + i * std::tanh(a[8 + j]);
      s[0][j] = sigma(a[12 + j] + cell.weight_co.data()[j] * s[1][j]) * std::tanh(s[1][j]);
    }
  });
}

TEST_CASE("lstm projection: two steps equal the hand computation") {
  const auto cell = scattered<LstmProjectionCell<double>>(3, 4, 2);
  equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
    const Vec a = pre_activations(cell, x, s[0]);
    Vec wide(4);
    for (std::size_t j = 0; j < 4; ++j) {
      s[1][j] = sigma(a[4 + j]) * s[1][j] + sigma(a[j]) * std::tanh(a[8 + j]);
      wide[j] = sigma(a[12 + j]) * std::tanh(s[1][j]);
    }
    s[0] = affine(cell.weight_hr, wide);
  });
}

TEST_CASE("layer-normalised lstm: two steps equal the hand computation, with shifts and without") {
  for (const bool bias : {true, false}) {
    const auto cell = scattered<LayerNormLstmCell<double>>(3, 4, bias);
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec a = plus(normalised(affine(cell.weight_ih, x), cell.norm_ih.weight, cell.norm_ih.bias),
                         normalised(affine(cell.weight_hh, s[0]), cell.norm_hh.weight, cell.norm_hh.bias));
      for (std::size_t j = 0; j < 4; ++j)
        s[1][j] = sigma(a[4 + j]) * s[1][j] + sigma(a[j]) * std::tanh(a[8 + j]);
      const Vec shown = normalised(s[1], cell.norm_c.weight, cell.norm_c.bias);
      for (std::size_t j = 0; j < 4; ++j) s[0][j] = sigma(a[12 + j]) * std::tanh(shown[j]);
    });
  }
}

TEST_CASE("lstm variants: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(scattered<LstmPeepholeCell<double>>(3, 4));
  gradients_pass(scattered<LstmProjectionCell<double>>(3, 4, 2));
  gradients_pass(scattered<LayerNormLstmCell<double>>(3, 4));
  gradients_pass(scattered<LayerNormLstmCell<double>>(3, 4, false));
}

TEST_CASE("lstm variants: second-order gradients pass the check") {
  second_order_passes(scattered<LstmPeepholeCell<double>>(2, 3));
  second_order_passes(scattered<LstmProjectionCell<double>>(2, 3, 2));
  second_order_passes(scattered<LayerNormLstmCell<double>>(2, 3));
}

TEST_CASE("lstm variants: gradients of three layers pass the check, in both directions too") {
  stack_passes(LstmPeephole<double>(2, 3, {.num_layers = 3}), 2);
  stack_passes(LstmProjection<double>(2, 3, 2, {.num_layers = 3, .bidirectional = true}), 2);
  stack_passes(LayerNormLstm<double>(2, 3, {.num_layers = 3}), 2);
}

TEST_CASE("lstm variants: parameters are the LSTM's and their own") {
  const std::string lstm = "weight_ih_l0(16, 3) weight_hh_l0(16, 4) ",
                    bias = "bias_ih_l0(16,) bias_hh_l0(16,) ";
  CHECK(names(LstmPeephole<double>(3, 4)) ==
        lstm + bias + "weight_ci_l0(4,) weight_cf_l0(4,) weight_co_l0(4,)");
  CHECK(names(LstmProjection<double>(3, 4, 2)) ==
        "weight_ih_l0(16, 3) weight_hh_l0(16, 2) " + bias + "weight_hr_l0(2, 4)");
  CHECK(names(LayerNormLstm<double>(3, 4)) ==
        lstm + "norm_ih_l0.weight(16,) norm_ih_l0.bias(16,) norm_hh_l0.weight(16,) norm_hh_l0.bias(16,) " +
            "norm_c_l0.weight(4,) norm_c_l0.bias(4,)");
  CHECK(names(LayerNormLstm<double>(3, 4, {.bias = false})) ==
        lstm + "norm_ih_l0.weight(16,) norm_hh_l0.weight(16,) norm_c_l0.weight(4,)");
}

TEST_CASE("lstm projection: the output is narrow, the cell state wide") {
  LstmProjection<double> lstm(3, 5, 2, {.num_layers = 2, .bidirectional = true});
  const auto [y, state] = lstm(V({4, 3, 3}, 0.1));
  CHECK(y.shape() == Shape{4, 3, 4});
  CHECK(state.h.shape() == Shape{4, 3, 2});
  CHECK(state.c.shape() == Shape{4, 3, 5});
  CHECK(lstm.cell(1).input_size() == 4);
  CHECK(lstm.hidden_size() == 5);
  CHECK(lstm.output_size() == 2);
}

TEST_CASE("lstm variants: wrong shapes and sizes are named") {
  errors_are_named(LstmPeephole<double>(3, 4));
  errors_are_named(LstmProjection<double>(3, 4, 2));
  errors_are_named(LayerNormLstm<double>(3, 4));
  CHECK(message_of<ShapeError>([] { LstmProjection<double>(3, 4, 0); }) ==
        "cell: need output from 1 to 2^40; got 0");
  LstmProjection<double> lstm(3, 4, 2);
  CHECK(message_of<ShapeError>([&] {
          lstm(V({5, 2, 3}, 0.0), {V({1, 2, 2}, 0.0), V({1, 2, 2}, 0.0)});
        }) == "recurrent: need the state's c as (1, 2, 4); got (1, 2, 2)");
}
