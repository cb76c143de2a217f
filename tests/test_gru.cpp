#include "cell_checks.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/layer_norm_gru.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

template <class Cell>
Cell scattered(bool bias = true) {
  Cell cell(3, 4, bias);
  scatter(cell, 1);
  return cell;
}

}  // namespace

TEST_CASE("gru: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = scattered<GruCell<double>>(bias);
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec a = affine(cell.weight_ih, x, cell.bias_ih), u = affine(cell.weight_hh, s[0], cell.bias_hh);
      for (std::size_t j = 0; j < 4; ++j) {
        const double r = sigma(a[j] + u[j]), z = sigma(a[4 + j] + u[4 + j]);
        s[0][j] = (1 - z) * std::tanh(a[8 + j] + r * u[8 + j]) + z * s[0][j];
      }
    });
  }
}

TEST_CASE("gru with reset before the product: two steps equal the hand computation") {
  for (const bool bias : {true, false}) {
    const auto cell = scattered<GruResetBeforeCell<double>>(bias);
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec a = affine(cell.weight_ih, x, cell.bias_ih), u = affine(cell.weight_hh, s[0]);
      Vec reset = s[0];
      for (std::size_t j = 0; j < 4; ++j) reset[j] *= sigma(a[j] + u[j]);
      const Vec n = affine(cell.weight_rh, reset);
      for (std::size_t j = 0; j < 4; ++j) {
        const double z = sigma(a[4 + j] + u[4 + j]);
        s[0][j] = (1 - z) * std::tanh(a[8 + j] + n[j]) + z * s[0][j];
      }
    });
  }
}

TEST_CASE("layer-normalised gru: two steps equal the hand computation, with shifts and without") {
  for (const bool bias : {true, false}) {
    const auto cell = scattered<LayerNormGruCell<double>>(bias);
    const auto rows = [](const V& w, const Vec& x, const LayerNorm<double>& norm, index_t first,
                         index_t count) {
      return normalised(affine(w, x, {}, first, count), norm.weight, norm.bias);
    };
    equals_plain(cell, [&](const Vec& x, std::vector<Vec>& s) {
      const Vec a = plus(rows(cell.weight_ih, x, cell.norm_ih_rz, 0, 8),
                         rows(cell.weight_hh, s[0], cell.norm_hh_rz, 0, 8));
      const Vec x_n = rows(cell.weight_ih, x, cell.norm_ih_n, 8, 4),
                h_n = rows(cell.weight_hh, s[0], cell.norm_hh_n, 8, 4);
      for (std::size_t j = 0; j < 4; ++j) {
        const double z = sigma(a[4 + j]);
        s[0][j] = (1 - z) * std::tanh(x_n[j] + sigma(a[j]) * h_n[j]) + z * s[0][j];
      }
    });
  }
}

TEST_CASE("gru cells: gradients of a step and of scans pass the check, element by element") {
  gradients_pass(scattered<GruCell<double>>());
  gradients_pass(scattered<GruCell<double>>(false));
  gradients_pass(scattered<GruResetBeforeCell<double>>());
  gradients_pass(scattered<LayerNormGruCell<double>>());
  gradients_pass(scattered<LayerNormGruCell<double>>(false));
}

TEST_CASE("gru cells: second-order gradients pass the check") {
  second_order_passes(scattered<GruCell<double>>());
  second_order_passes(scattered<GruResetBeforeCell<double>>());
  second_order_passes(scattered<LayerNormGruCell<double>>());
}

TEST_CASE("gru cells: gradients of three layers pass the check, in both directions too") {
  stack_passes(Gru<double>(2, 3, {.num_layers = 3, .bidirectional = true}), 2);
  stack_passes(GruResetBefore<double>(2, 3, {.num_layers = 3}), 2);
  stack_passes(LayerNormGru<double>(2, 3, {.num_layers = 3}), 2);
}

TEST_CASE("gru cells: parameters are those of PyTorch, but where the equations differ") {
  CHECK(names(Gru<double>(3, 4)) ==
        "weight_ih_l0(12, 3) weight_hh_l0(12, 4) bias_ih_l0(12,) bias_hh_l0(12,)");
  CHECK(names(GruResetBefore<double>(3, 4)) ==
        "weight_ih_l0(12, 3) weight_hh_l0(8, 4) weight_rh_l0(4, 4) bias_ih_l0(12,)");
  CHECK(names(LayerNormGru<double>(3, 4, {.bias = false})) ==
        "weight_ih_l0(12, 3) weight_hh_l0(12, 4) norm_ih_rz_l0.weight(8,) norm_ih_n_l0.weight(4,) "
        "norm_hh_rz_l0.weight(8,) norm_hh_n_l0.weight(4,)");
  CHECK(parameters(LayerNormGru<double>(3, 4)).size() == 10);
}

TEST_CASE("gru cells: wrong shapes and sizes are named") {
  errors_are_named(Gru<double>(3, 4));
  errors_are_named(GruResetBefore<double>(3, 4));
  errors_are_named(LayerNormGru<double>(3, 4));
  CHECK(message_of<ShapeError>([] { GruResetBeforeCell<double>(3, 0); }) ==
        "cell: need hidden from 1 to 2^40; got 0");
}
