#pragma once
/// \file What a cell is: all that scan, Recurrent and the other layers expect of one, and what they assume where
/// it says nothing.
///
/// A cell is a struct with `State step(x, state) const`, one time step. For scan that is enough, and a function
/// of (x, state) does as well; Recurrent needs what is marked with *:
///
///   `State step(x, state) const`      * x is a row of what project() returned
///   `template <class V> void visit(V&& v)`
///                                     * its parameters by name; empty for a cell that has none
///   `index_t hidden_size() const`     * or initial_state(): a sequence begins with zeros of this size
///   `State initial_state(index_t batch) const`
///                                       what a sequence begins with instead
///   `using State`                       else Variable<float>; see state.hpp
///   `using value_type`                  the number type, as of any module; else float
///   `project(xs) const`                 what is done to all inputs at once, before the loop; else nothing
///   `Cell(input, hidden, bias, rng)`    else a layer is made with a function that makes a cell
///   `static constexpr bool row_wise = true`, or `bool row_wise() const`
///                                       no row of a batch depends on another and visit() shows every Variable
///                                       that it holds: scan may divide the batch over threads
///   `static constexpr const char* gate_names = "i f g o"`
///                                       the names of what chunk() makes of the gates, for measurements

#include "unroll/layers/module.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

namespace detail {
template <class Cell>
struct StateOfCell {
  using type = Variable<float>;
};
template <class Cell>
requires requires { typename Cell::State; }
struct StateOfCell<Cell> {
  using type = typename Cell::State;
};
}  // namespace detail

/// The state that a cell carries from step to step, and its number type.
template <class Cell>
using CellState = typename detail::StateOfCell<Cell>::type;
template <class Cell>
using CellNumber = detail::state_number<CellState<Cell>>;

/// A cell with `step`; where that has another name, it is called: `cell(x, state)`.
template <class Cell, class T = CellNumber<Cell>, class S = CellState<Cell>>
concept HasStep = requires(const Cell& cell, const Variable<T>& x, const S& state) {
  cell.step(x, state);
};
template <class Cell, class T = CellNumber<Cell>>
concept HasProject = requires(const Cell& cell, const Variable<T>& xs) {
  { cell.project(xs) } -> std::convertible_to<Variable<T>>;
};
template <class Cell, class S = CellState<Cell>>
concept HasInitialState = requires(const Cell& cell) {
  { cell.initial_state(index_t{1}) } -> std::convertible_to<S>;
};
template <class Cell>
concept HasHiddenSize = requires(const Cell& cell) {
  { cell.hidden_size() } -> std::convertible_to<index_t>;
};

/// Cells whose rows are independent, always or depending on what they hold. A cell derived from one that says so
/// says so as well.
template <class Cell>
concept AlwaysRowWise = requires {
  requires Cell::row_wise;
};
template <class Cell>
concept SometimesRowWise = requires(const Cell& cell) {
  { cell.row_wise() } -> std::same_as<bool>;
};
template <class Cell>
concept RowWise = Module<Cell> &&(AlwaysRowWise<Cell> || SometimesRowWise<Cell>);

}  // namespace unroll
