#pragma once
/// \file The options by which a program chooses its recurrent layer.

#include "common/option.hpp"
#include "common/recurrent.hpp"

namespace unroll::program {

/// The recurrent layer that a program's options choose; see option.hpp.
struct CellChoice {
  std::string cell = "lstm";
  int layers = 1;
  double dropout = 0, recurrent_dropout = 0, zoneout = 0, zoneout_memory = 0;
  bool variational = false;

  /// The layer's options; `dropout` is its help, because what else it drops is the program's.
  template <class Self, class Visit>
  static void visit_cell(Self& o, Visit&& visit, const char* dropout) {
    visit("cell", o.cell, cell_help().c_str(), shaping({.known = is_cell}));
    visit("layers", o.layers, "recurrent layers", shaping({.low = 1, .high = 1000}));
    visit("dropout", o.dropout, dropout, share());
    visit("variational", o.variational, "between layers, drop the same elements at every step of a sequence",
          later({}));
    visit("recurrent-dropout", o.recurrent_dropout,
          "share of the state to drop, the same elements at every step", later(share()));
    visit("zoneout", o.zoneout, "share of the state h that keeps its value from the previous step",
          later(share()));
    visit("zoneout-memory", o.zoneout_memory, "the same for the rest of the state, such as the c of an LSTM",
          later(share()));
  }
  /// The layer of such a choice.
  CellOptions of_size(index_t input, index_t hidden, bool bidirectional) const {
    return {.input = input,
            .hidden = hidden,
            .layers = layers,
            .dropout = dropout,
            .recurrent_dropout = recurrent_dropout,
            .zoneout = zoneout,
            .zoneout_memory = zoneout_memory,
            .variational = variational,
            .bidirectional = bidirectional};
  }
};

}  // namespace unroll::program
