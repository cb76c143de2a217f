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
///   `project(xs) const`                 what is done to all inputs at once, before the loop; else nothing. It
///                                       is given (T, B, I), (rows, I) or (B, I), and treats each row alone:
///                                       no time step may depend on another, or on its place
///   `Cell(input, hidden, bias, rng)`    else a layer is made with a function that makes a cell
///   `static constexpr bool row_wise = true`, or `bool row_wise() const`
///                                       no row of a batch depends on another and visit() shows every Variable
///                                       that it holds: scan may divide the batch over threads
///   `coefficients(xs) const`            in place of `step`: the state is linear in itself; see linear_cell.hpp
///   `Scanned<T, State> sequence(xs, state, options) const`
///                                       in place of `step`, or beside it: all steps of xs (T, B, …) in a way of its
///                                       own, as the RecurrenceOptions say, with a state of zeros at resets. The
///                                       output beyond a sequence's end does not matter, nor does the output in the
///                                       final state; its other members are those after each sequence's own last step
///   `static constexpr bool forward_only = true`
///                                       sequence() cannot run in reverse: scan then takes one step at a time
///   `static constexpr const char* gate_names = "i f g o"`
///                                       the names of what chunk() makes of the gates, for measurements
///
/// Cells whose steps take more than x, such as the time since the step before: see several_inputs.hpp.

#include "unroll/autograd/recurrence_options.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/layers/scanned.hpp"
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

/// The state that a cell carries from step to step.
template <class Cell>
using CellState = typename detail::StateOfCell<Cell>::type;
/// The number type of a cell's state.
template <class Cell>
using CellNumber = detail::state_number<CellState<Cell>>;

/// A cell with `step`. Where there is none, the cell is called: `cell(x, state)`.
template <class Cell, class T = CellNumber<Cell>, class S = CellState<Cell>>
concept HasStep = requires(const Cell& cell, const Variable<T>& x, const S& state) {
  cell.step(x, state);
};
/// A cell that runs whole sequences in a way of its own.
template <class Cell, class T = CellNumber<Cell>, class S = CellState<Cell>>
concept HasSequence = requires(const Cell& cell, const Variable<T>& xs, const S& state,
                               const RecurrenceOptions& options) {
  { cell.sequence(xs, state, options) } -> std::convertible_to<Scanned<T, S>>;
};
/// A cell that does something to all inputs before the loop.
template <class Cell, class T = CellNumber<Cell>>
concept HasProject = requires(const Cell& cell, const Variable<T>& xs) {
  { cell.project(xs) } -> std::convertible_to<Variable<T>>;
};
/// A cell that says what a sequence begins with.
template <class Cell, class S = CellState<Cell>>
concept HasInitialState = requires(const Cell& cell) {
  { cell.initial_state(index_t{1}) } -> std::convertible_to<S>;
};
/// A cell that says how large its state is.
template <class Cell>
concept HasHiddenSize = requires(const Cell& cell) {
  { cell.hidden_size() } -> std::convertible_to<index_t>;
};

/// A cell whose rows are independent whatever it holds; so is one derived from it, unless that says otherwise.
template <class Cell>
concept AlwaysRowWise = requires {
  requires Cell::row_wise;
};
/// A cell whose rows are independent depending on what it holds.
template <class Cell>
concept SometimesRowWise = requires(const Cell& cell) {
  { cell.row_wise() } -> std::same_as<bool>;
};
/// A cell of either kind, whose parameters visit() shows.
template <class Cell>
concept RowWise = Module<Cell> &&(AlwaysRowWise<Cell> || SometimesRowWise<Cell>);

}  // namespace unroll
