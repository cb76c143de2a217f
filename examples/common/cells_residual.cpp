#include <numeric>

#include "common/make_recurrent.hpp"
#include "unroll/layers/convolved.hpp"
#include "unroll/layers/gated_delta.hpp"
#include "unroll/layers/griffin.hpp"
#include "unroll/layers/gru.hpp"
#include "unroll/layers/lru.hpp"
#include "unroll/layers/lstm.hpp"
#include "unroll/layers/mamba.hpp"
#include "unroll/layers/mamba2.hpp"
#include "unroll/layers/min_gru.hpp"
#include "unroll/layers/min_lstm.hpp"
#include "unroll/layers/residual.hpp"
#include "unroll/layers/slstm.hpp"

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
CellKind block_kind(double mixer_weights, double unit_weights = 0) {
  return {make_residual<Mixer>, 0, mixer_weights + 8, 1, unit_weights};
}

/// The sLSTM's heads are four, or as many as divide the hidden size.
AnyRecurrent<float> make_residual_slstm(const CellOptions& o, Generator& rng) {
  using Block = ResidualCell<SlstmCell<float>>;
  RecurrentOptions options = recurrent_options(o);
  options.dropout = 0;
  const auto mixer = [&](index_t in, index_t out) {
    return SlstmCell<float>(in, out, std::gcd(out, index_t{4}), true, rng);
  };
  auto block = [&, made = index_t{0}](index_t in) mutable {
    return Block(in, o.hidden, mixer, {.dropout = o.dropout, .norm_output = ++made == o.layers}, rng);
  };
  return Recurrent<Block>(o.input, block, options, rng);
}

}  // namespace

CellKinds residual_cells() {
  return {{"residual-mingru", block_kind<MinGruCell<float>>(2)},
          {"residual-minlstm", block_kind<MinLstmCell<float>>(3)},
          {"residual-conv-mingru", block_kind<ConvolvedCell<MinGruCell<float>>>(2, 5)},
          {"residual-conv-minlstm", block_kind<ConvolvedCell<MinLstmCell<float>>>(3, 5)},
          {"residual-griffin", block_kind<GriffinCell<float>>(5)},
          {"residual-mamba", block_kind<MambaCell<float>>(6.125, 112)},
          {"residual-mamba2", block_kind<Mamba2Cell<float>>(6, 128 + 12)},
          {"residual-gated-delta", block_kind<GatedDeltaCell<float>>(5)},
          {"residual-slstm", {make_residual_slstm, 0, 5 + 8}},
          {"residual-lru", block_kind<LruCell<float>>(4)},
          {"residual-lstm", block_kind<LstmCell<float>>(8)},
          {"residual-gru", block_kind<GruCell<float>>(6)}};
}

}  // namespace unroll::program
