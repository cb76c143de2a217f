// Every cell of the library, as a layer, under scan, and by itself: no loop of an expression is compiled here.
#include <unroll/unroll.hpp>

namespace {

template <class Layer>
void use(Layer& layer, const unroll::Variable<float>& x) {
  const auto& cell = layer.cell(0);
  const auto state = cell.step(cell.project(x), unroll::initial_state(cell, 2));
  unroll::scan(cell, x, state);
  layer(x);
}

}  // namespace

void use_all(const unroll::Variable<float>& x, unroll::Jordan<float>& jordan,
             unroll::LstmProjection<float>& projection) {
  unroll::Elman<float> elman(2, 2);
  unroll::Elman<float, unroll::Relu> relu(2, 2);
  unroll::Lstm<float> lstm(2, 2);
  unroll::LstmPeephole<float> peephole(2, 2);
  unroll::LayerNormLstm<float> layer_norm_lstm(2, 2);
  unroll::Gru<float> gru(2, 2);
  unroll::GruResetBefore<float> reset_before(2, 2);
  unroll::LayerNormGru<float> layer_norm_gru(2, 2);
  unroll::SkipRnn<float> skip(2, 2);
  unroll::ForgetGateRnn<float> forget_gate(2, 2);
  unroll::InputGateRnn<float> input_gate(2, 2);
  use(elman, x), use(relu, x), use(jordan, x);
  use(lstm, x), use(peephole, x), use(projection, x), use(layer_norm_lstm, x);
  use(gru, x), use(reset_before, x), use(layer_norm_gru, x);
  use(skip, x), use(forget_gate, x), use(input_gate, x);
}
