#pragma once
/// \file The recurrent layer of a model, of any cell that layers/ has, chosen by name.

#include <map>
#include <string>

#include "unroll/layers/any_recurrent.hpp"

namespace unroll::program {

struct CellOptions {
  index_t input, hidden;
  int layers;
  double dropout, recurrent_dropout, zoneout, zoneout_memory;
  bool variational;
  bool bidirectional = false;
};

/// How a layer of a certain cell is made, and how large it is: each element of the hidden state has so many
/// weights for each element of the layer's input, and so many for each of the hidden state.
struct CellKind {
  AnyRecurrent<float> (*make)(const CellOptions&, Generator&);
  double input_weights, recurrent_weights;
  double outputs = 1;       ///< for each element of the hidden state
  double unit_weights = 0;  ///< that each element of the hidden state has whatever the sizes are
  bool forgets = true;      ///< the state stays bounded in long sequences: it may be carried through a text
  double input_rows = 0;    ///< weights for each element of the layer's input, whatever the hidden size is
};
using CellKinds = std::map<std::string, CellKind>;

CellKinds simple_cells();
CellKinds lstm_cells();
CellKinds gru_cells();
CellKinds recent_cells();
CellKinds linear_cells();
CellKinds mixer_cells();
CellKinds matrix_cells();
CellKinds residual_cells();
CellKinds rwkv_cells();
CellKinds xlstm_cells();
CellKinds timed_cells();

/// All of the above.
const CellKinds& cell_kinds();
/// Errors: UsageError for a cell that does not exist, naming those that do.
const CellKind& cell_kind(const std::string& name);
/// Whether there is a cell of that name.
bool is_cell(const std::string& name);
/// What --cell may be, for the help.
const std::string& cell_help();

/// What the layer puts out at each step, both directions side by side.
inline index_t output_size(const AnyRecurrent<float>& layer) {
  return layer.directions() * layer.output_size();
}

}  // namespace unroll::program
