#pragma once
/// \file The zoo: every cell of this folder by name. The program `zoo`, the test of all cells and the list in docs/zoo.md
/// are made from the table below; a new cell is a struct in one of the headers, and a row here.

#include <unroll/layers/any_recurrent.hpp>

#include "cells/lstms.hpp"
#include "cells/motions.hpp"
#include "cells/one_gate.hpp"
#include "cells/products.hpp"
#include "cells/two_gates.hpp"

namespace zoo {

/// A cell of the zoo.
template <class T>
struct Row {
  const char* name;
  const char* source;  ///< author and year
  AnyRecurrent<T> (*make)(index_t input, index_t hidden, const RecurrentOptions&, Generator&);
  /// The state stays bounded however long the sequence is. One that does not begins anew in each window of a text.
  bool forgets = true;
};

/// A layer of a cell.
template <class T, template <class> class Cell>
AnyRecurrent<T> layer_of(index_t input, index_t hidden, const RecurrentOptions& options, Generator& rng) {
  const auto cell = [&](index_t size) { return Cell<T>(size, hidden, options.bias, rng); };
  return Recurrent<Cell<T>>(input, cell, options, rng);
}

/// All of them.
template <class T>
const std::vector<Row<T>>& table() {
  static const std::vector<Row<T>> all = {
      {"antisymmetric", "Chang et al. 2019", layer_of<T, AntisymmetricCell>, false},
      {"antisymmetric-gated", "Chang et al. 2019", layer_of<T, GatedAntisymmetricCell>, false},
      {"atr", "Zhang et al. 2018", layer_of<T, AtrCell>},
      {"brc", "Vecoven et al. 2021", layer_of<T, BrcCell>},
      {"cfn", "Laurent, von Brecht 2017", layer_of<T, CfnCell>},
      {"cifg-lstm", "Greff et al. 2017", layer_of<T, CifgCell>},
      {"dsgu", "Gao, Glowacka 2016", layer_of<T, DsguCell>},
      {"fastgrnn", "Kusupati et al. 2018", layer_of<T, FastGrnnCell>},
      {"fastrnn", "Kusupati et al. 2018", layer_of<T, FastRnnCell>},
      {"first-lstm", "Hochreiter, Schmidhuber 1997", layer_of<T, FirstLstmCell>, false},
      {"intersection", "Collins et al. 2017", layer_of<T, IntersectionCell>},
      {"janet", "van der Westhuizen, Lasenby 2018", layer_of<T, JanetCell>},
      {"leaky", "Jaeger et al. 2007", layer_of<T, LeakyCell>},
      {"lightru", "Ye et al. 2024", layer_of<T, LightRuCell>},
      {"ligru", "Ravanelli et al. 2018", layer_of<T, LiGruCell>},
      {"lipschitz", "Erichson et al. 2021", layer_of<T, LipschitzCell>, false},
      {"mgu", "Zhou et al. 2016", layer_of<T, MguCell>},
      {"mgu1", "Heck, Salem 2017", layer_of<T, Mgu1Cell>},
      {"mgu2", "Heck, Salem 2017", layer_of<T, Mgu2Cell>},
      {"mgu3", "Heck, Salem 2017", layer_of<T, Mgu3Cell>},
      {"mi-rnn", "Wu et al. 2016", layer_of<T, MiRnnCell>},
      {"minimalrnn", "Chen 2017", layer_of<T, MinimalRnnCell>},
      {"miru1", "doi 10.1016/j.neucom.2026.132847", layer_of<T, Miru1Cell>},
      {"multiplicative-rnn", "Sutskever et al. 2011", layer_of<T, MultiplicativeRnnCell>},
      {"mut1", "Jozefowicz et al. 2015", layer_of<T, Mut1Cell>},
      {"mut2", "Jozefowicz et al. 2015", layer_of<T, Mut2Cell>},
      {"mut3", "Jozefowicz et al. 2015", layer_of<T, Mut3Cell>},
      {"nas", "Zoph, Le 2017", layer_of<T, NasCell>},
      {"nbrc", "Vecoven et al. 2021", layer_of<T, NbrcCell>},
      {"ran", "Lee et al. 2017", layer_of<T, RanCell>},
      {"rhn", "Zilly et al. 2017", layer_of<T, RhnCell>},
      {"scrn", "Mikolov et al. 2014", layer_of<T, ScrnCell>},
      {"sgrn", "doi 10.1049/gtd2.12056", layer_of<T, SgrnCell>},
      {"sgu", "Gao, Glowacka 2016", layer_of<T, SguCell>},
      {"star", "Turkoglu et al. 2021", layer_of<T, StarCell>},
      {"t-rnn", "Balduzzi, Ghifary 2016", layer_of<T, TRnnCell>},
      {"tau-gru", "Erichson et al. 2022", layer_of<T, TauGruCell>},
      {"ugrnn", "Collins et al. 2017", layer_of<T, UgrnnCell>},
      {"unicornn", "Rusch, Mishra 2021", layer_of<T, UnicornnCell>, false},
      {"wmc-lstm", "Landi et al. 2021", layer_of<T, WmcLstmCell>},
  };
  return all;
}

// The program compiles the layers of float in a file of their own.
extern template const std::vector<Row<float>>& table<float>();

}  // namespace zoo
