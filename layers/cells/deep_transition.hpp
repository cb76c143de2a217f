#pragma once
/// \file Deep transition: several cells, one after another, between one time step and the next.

#include <array>

#include "unroll/autograd/functions.hpp"
#include "unroll/detail/layers/cells/cell_calls.hpp"
#include "unroll/layers/default_generator.hpp"

namespace unroll {

/// Several cells, one after another, as one step.
/// What:   s¹ = step₁(x, s);  s² = step₂(h¹, s¹);  …;  s' = step_N(h^{N−1}, s^{N−1}), a cell itself:
///         `Recurrent<DeepTransition<GruCell<float>, 3>> rnn(I, H);`
/// Shapes: as Cell; the cells after the first have inputs of H.
/// Source: Pascanu et al. 2014, How to construct deep recurrent neural networks. There the later cells have
///         no input; here, so that any cell can serve, it is the hidden state of the cell before.
template <class Cell, std::size_t Depth>
struct DeepTransition {
  static_assert(Depth >= 1);
  using value_type = CellNumber<Cell>;
  using State = CellState<Cell>;
  static constexpr bool row_wise = AlwaysRowWise<Cell>;
  std::array<Cell, Depth> cells;  ///< in the order in which they run

  DeepTransition() = default;
  DeepTransition(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator()) {
    for (std::size_t k = 0; k < Depth; ++k) cells[k] = Cell(k == 0 ? input : hidden, hidden, bias, rng);
  }

  index_t hidden_size() const { return detail::hidden_size_of(cells[0]); }
  State initial_state(index_t batch) const { return detail::initial_state_of(cells[0], batch); }
  Variable<value_type> project(const Variable<value_type>& x) const { return detail::projected(cells[0], x); }

  State step(const Variable<value_type>& x, const State& before) const {
    State s = detail::step_of(cells[0], x, before);
    for (std::size_t k = 1; k < Depth; ++k) s = detail::whole_step(cells[k], output_of(s), s);
    return s;
  }

  template <class V>
  void visit(V&& v) {
    for (std::size_t k = 0; k < Depth; ++k) {
      detail::visit_cell(cells[k], [&](std::string_view name, auto& p) {
        v("transition" + std::to_string(k) + "." + std::string(name), p);
      });
    }
  }
};

}  // namespace unroll
