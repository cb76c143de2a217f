#include "cell_checks.hpp"
#include "unroll/layers/elman.hpp"
#include "unroll/layers/encoder_decoder.hpp"
#include "unroll/layers/gru_reset_before.hpp"
#include "unroll/layers/jordan.hpp"
#include "unroll/layers/layer_norm_lstm.hpp"
#include "unroll/layers/lstm_peephole.hpp"
#include "unroll/layers/lstm_projection.hpp"

using namespace unroll;
using namespace unroll::tests;

namespace {

/// Three pairs, ragged on both sides; an empty source and an empty target among them.
SequencePairs pairs() {
  return {Indices({4, 3}, {3, 2, 0, 4, 1, 0, 0, 3, 0, 0, 2, 0}),
          {2, 4, 0},
          Indices({3, 3}, {2, 3, 0, 4, 0, 0, 2, 0, 0}),
          {3, 1, 0}};
}

EncoderDecoderOptions options(int layers) {
  return {.source_symbols = 5,
          .target_symbols = 5,
          .start = 0,
          .end = 1,
          .embedding = 3,
          .hidden = 4,
          .num_layers = layers};
}

/// All gradients through a model of the cell, of one layer and of two.
template <class Cell>
void gradients_pass(const CellMaker<Cell>& make = {}) {
  for (const int layers : {1, 2}) {
    Generator rng(11);
    const EncoderDecoder<Cell, InputFeedingDecoder> model(options(layers), rng, make);
    scatter(model, 12);
    gradcheck([&](const auto&) { return model.loss(pairs()); }, leaves(model));
  }
}

CellMaker<LstmProjectionCell<double>> projections(Generator& rng) {
  return [&rng](index_t input, index_t output) {
    return LstmProjectionCell<double>(input, output + 1, output, true, rng);
  };
}

}  // namespace

TEST_CASE_TEMPLATE("encoder-decoder: gradients through all of it pass the check for cells of every kind",
                   Cell, ElmanCell<double>, LstmPeepholeCell<double>, LayerNormLstmCell<double>,
                   GruResetBeforeCell<double>) {
  gradients_pass<Cell>();
}

TEST_CASE("encoder-decoder: the same for cells whose output has another size than their state") {
  Generator rng(3);
  gradients_pass(projections(rng));
  gradients_pass<JordanCell<double>>([&](index_t input, index_t output) {
    return JordanCell<double>(input, output + 2, output, true, rng);
  });
}

TEST_CASE("encoder-decoder: a cell of its own constructor has the sizes it was made with, in every part") {
  Generator rng(3);
  const EncoderDecoder<LstmProjectionCell<double>, PlainDecoder> model(options(2), rng, projections(rng));
  const std::string all = names(model);
  for (const char* expected :
       {"encoder.weight_hr_l0(2, 3)", "encoder.weight_hr_l1_reverse(2, 3)", "decoder.weight_hr_l1(4, 5)",
        "bridge.maps.0.weight(4, 4)", "bridge.maps.1.weight(5, 6)"})
    CHECK_MESSAGE(all.find(expected) != std::string::npos, all);
}

TEST_CASE("encoder-decoder: a cell that needs a maker and has none is named") {
  using Model = EncoderDecoder<LstmProjectionCell<double>, LuongDecoder>;
  CHECK(message_of<UsageError>([] { Model model(options(1)); }) ==
        "cell stack: this cell is not made from (input, hidden, bias, rng); give a CellMaker");
}
