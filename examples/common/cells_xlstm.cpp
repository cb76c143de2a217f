#include "common/make_recurrent.hpp"
#include "unroll/layers/mlstm.hpp"
#include "unroll/layers/xlstm.hpp"

namespace unroll::program {
namespace {

/// A head for each 64 units, or one.
AnyRecurrent<float> make_mlstm(const CellOptions& o, Generator& rng) {
  return Mlstm<float>(o.input, o.hidden, 0, recurrent_options(o), rng);
}

/// A block for each layer, of which the second of each eight is an sLSTM's. Dropout is that of the blocks.
AnyRecurrent<float> make_xlstm(const CellOptions& o, Generator& rng) {
  RecurrentOptions options = recurrent_options(o);
  options.num_layers = 1, options.dropout = 0;
  std::string pattern(static_cast<std::size_t>(o.layers), 'm');
  for (std::size_t k = 1; k < pattern.size(); k += 8) pattern[k] = 's';
  return Xlstm<float>(o.input, o.hidden, {.pattern = pattern, .dropout = o.dropout}, options, rng);
}

}  // namespace

CellKinds xlstm_cells() { return {{"mlstm", {make_mlstm, 4, 0}}, {"xlstm", {make_xlstm, 0, 6, 1, 40}}}; }

}  // namespace unroll::program
