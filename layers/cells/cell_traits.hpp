#pragma once  // internal
/// \file What a layer knows of a cell, and assumes of one that says nothing.
///
/// A cell has `State step(x, state) const`. It may have, besides
///   `using value_type`                the number type; else that of its State
///   `using State`                     else Variable<float>
///   `project(xs) const`               what is done to all inputs at once, before the loop
///   `initial_state(batch) const`      what a sequence begins with; else zeros of hidden_size()
///   `hidden_size() const`             else the last extent of initial_state(1)
///   `visit(v)`                        its parameters by name; without it none are trained
///   `static constexpr bool row_wise = true`, or `bool row_wise() const`
///                                     its word that no row of a batch depends on another and that visit()
///                                     shows every Variable it holds: scan may then divide the batch over
///                                     threads (blas::set_num_threads)
/// One of initial_state() and hidden_size() it must have: zeros need a size.

#include "unroll/layers/module.hpp"
#include "unroll/layers/state.hpp"

namespace unroll::detail {

template <class Cell>
struct CellState {
  using type = Variable<float>;
};
template <class Cell>
requires requires { typename Cell::State; }
struct CellState<Cell> {
  using type = typename Cell::State;
};
template <class Cell>
using cell_state = typename CellState<Cell>::type;
template <class Cell>
using cell_number =
    typename std::decay_t<decltype(output_of(std::declval<const cell_state<Cell>&>()))>::value_type;

template <class Cell>
concept SaysInitialState = requires(const Cell& cell) {
  { cell.initial_state(index_t{1}) } -> std::convertible_to<cell_state<Cell>>;
};

template <class Cell>
cell_state<Cell> initial_state_of(const Cell& cell, index_t batch) {
  if constexpr (SaysInitialState<Cell>) {
    return cell.initial_state(batch);
  } else {
    static_assert(
        requires { cell.hidden_size(); }, "a cell needs initial_state(batch) or hidden_size()");
    using T = cell_number<Cell>;
    cell_state<Cell> state;
    visit_state(state, [&](std::string_view, Variable<T>& v) {
      v = Variable<T>({batch, cell.hidden_size()}, T{0});
    });
    return state;
  }
}

template <class Cell>
index_t hidden_size_of(const Cell& cell) {
  if constexpr (requires { cell.hidden_size(); }) {
    return cell.hidden_size();
  } else {
    return output_of(cell.initial_state(1)).shape().back(0);
  }
}

template <class Cell, class V>
void visit_cell(Cell& cell, V&& v) {
  if constexpr (requires { cell.visit(v); }) cell.visit(v);
}

}  // namespace unroll::detail
