#pragma once
/// \file Cells as a user writes them, by their equations, for tests of the ways to learn.

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/state.hpp"

namespace unroll::tests {

/// h' = tanh(W x + U h + b), with a projection.
struct SmallElman : GateWeights<double, 1> {
  using State = Variable<double>;
  using GateWeights<double, 1>::GateWeights;
  State initial_state(index_t batch) const { return State({batch, hidden_size()}, 0.0); }
  State step(const Variable<double>& x, const State& h) const { return tanh(x + linear(h, weight_hh)); }
};

/// The GRU with reset after the product, without a projection.
struct SmallGru {
  using value_type = double;
  using State = HiddenState<double>;
  Variable<double> wr, wz, wn, ur, uz, un;

  SmallGru(index_t input, index_t hidden, std::uint64_t seed)
      : wr(random_parameter({hidden, input}, seed)),
        wz(random_parameter({hidden, input}, seed + 1)),
        wn(random_parameter({hidden, input}, seed + 2)),
        ur(random_parameter({hidden, hidden}, seed + 3)),
        uz(random_parameter({hidden, hidden}, seed + 4)),
        un(random_parameter({hidden, hidden}, seed + 5)) {}

  State step(const Variable<double>& x, const State& s) const {
    Variable r = sigmoid(linear(x, wr) + linear(s.h, ur));
    Variable z = sigmoid(linear(x, wz) + linear(s.h, uz));
    Variable n = tanh(linear(x, wn) + r * linear(s.h, un));
    return {(1.0 - z) * n + z * s.h};
  }

  template <class V>
  void visit(V&& v) {
    v("wr", wr), v("wz", wz), v("wn", wn), v("ur", ur), v("uz", uz), v("un", un);
  }
};

/// Each row also feels the mean of all rows of the batch.
struct MixingCell : SmallElman {
  using SmallElman::SmallElman;
  State step(const Variable<double>& x, const State& h) const {
    return tanh(x + linear(h, weight_hh) - mean(h, {0}));
  }
};

}  // namespace unroll::tests
