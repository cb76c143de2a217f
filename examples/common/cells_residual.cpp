#include "common/make_recurrent.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/residual.hpp"

namespace unroll::program {
namespace {

/// Dropout is that of the blocks, on what they add.
template <class Mixer>
AnyRecurrent<float> make_residual(const CellOptions& o, Generator& rng) {
  RecurrentOptions options = recurrent_options(o);
  options.dropout = 0;
  return ResidualStack<Mixer>(o.input, o.hidden, options, {.dropout = o.dropout}, rng);
}

/// Beside the mixer a block has a gated feed-forward part of 3 · 8/3 H weights for each unit, and the first one a projection
/// of its input.
template <class Mixer>
CellKind block_kind(double mixer_weights) {
  return {make_residual<Mixer>, 0, mixer_weights + 8};
}

}  // namespace

CellKinds residual_cells() {
  return {{"residual-mingru", block_kind<MinGruCell<float>>(2)},
          {"residual-minlstm", block_kind<MinLstmCell<float>>(3)},
          {"residual-lru", block_kind<LruCell<float>>(4)},
          {"residual-lstm", block_kind<LstmCell<float>>(8)},
          {"residual-gru", block_kind<GruCell<float>>(6)}};
}

}  // namespace unroll::program
