#pragma once  // internal
/// \file How the layers call a cell, with the defaults for what it does not have; see cell.hpp.

#include <atomic>

#include "unroll/autograd/views.hpp"
#include "unroll/detail/layers/cells/cell_inputs.hpp"
#include "unroll/detail/layers/cells/projection_check.hpp"
#include "unroll/layers/cell.hpp"
#include "unroll/layers/linear_cell.hpp"

namespace unroll::detail {

/// Errors: UsageError for a number of layers below 1, or that no machine holds.
inline void check_num_layers(const char* what, int num_layers) {
  constexpr int most = 1 << 16;
  if (num_layers < 1) raise<UsageError>("{}: need num_layers ≥ 1; got {}", what, num_layers);
  if (num_layers > most) raise<UsageError>("{}: need num_layers ≤ {}; got {}", what, most, num_layers);
}

/// What a layer's cell must have; a class, so that each mistake is reported once.
template <class Cell>
struct CheckCell {
  static constexpr bool visits = requires(Cell & cell, MemberProbe probe) { cell.visit(probe); };
  static constexpr bool begins = HasInitialState<Cell> || HasHiddenSize<Cell>;
  static constexpr bool steps =
      HasStep<Cell> || HasCoefficients<Cell, CellNumber<Cell>> || HasSequence<Cell> ||
      HasSeveralInputs<Cell> ||
      std::invocable<const Cell&, const Variable<CellNumber<Cell>>&, const CellState<Cell>&>;
  static_assert(
      visits,
      "the cell of a layer needs `template <class V> void visit(V&& v)`, which names its parameters: "
      "v(\"w\", w); for a cell without parameters it is empty");
  static_assert(
      steps,
      "a cell needs `State step(const Variable<T>& x, const State& state) const`; State is what the "
      "cell names so, or else Variable<float>");
  static_assert(begins, "the cell of a layer needs hidden_size() or initial_state(batch)");
  static constexpr bool tells_states =
      !HasSeveralInputs<Cell> || !std::is_same_v<CellState<Cell>, Variable<CellNumber<Cell>>>;
  static_assert(tells_states,
                "the state of a layer's cell that takes several inputs is a struct, such as HiddenState<T>: "
                "net(x, dt) could else mean a state");
};

template <class Cell>
CellState<Cell> initial_state_of(const Cell& cell, index_t batch) {
  CellState<Cell> state;
  if constexpr (HasInitialState<Cell>) {
    state = cell.initial_state(batch);
  } else if constexpr (HasHiddenSize<Cell>) {
    using T = CellNumber<Cell>;
    visit_state(state, [&](std::string_view, Variable<T>& v) {
      v = Variable<T>({batch, cell.hidden_size()}, T{0});
    });
  }
  return state;
}

/// The state that a sequence begins with, for as many rows as `state` has.
template <class Cell, class S>
S fresh_state(const Cell& cell, const S& state) {
  if constexpr (HasInitialState<Cell, S>) {
    return cell.initial_state(output_of(state).shape(0));
  } else {
    return map_state(state, [](const auto& v) { return std::decay_t<decltype(v)>(v.shape(), 0); });
  }
}

template <class Cell>
index_t hidden_size_of(const Cell& cell) {
  if constexpr (HasHiddenSize<Cell>) {
    return cell.hidden_size();
  } else {
    return output_of(initial_state_of(cell, 1)).shape().back(0);
  }
}

/// What the cell does to inputs before the loop.
template <class Cell, class T>
Variable<T> projected(const Cell& cell, const Variable<T>& xs) {
  if constexpr (HasProject<Cell, T>) {
    return cell.project(xs);
  } else {
    return xs;
  }
}

/// A sequence of one step.
template <class Cell, class T, class S>
S step_of_sequence(const Cell& cell, const Variable<T>& x, const S& state) {
  auto [output, last] = cell.sequence(reshape(x, x.shape().inserted(0, 1)), state, RecurrenceOptions{});
  S next = std::move(last);
  const Variable<T> h = select(output, 0, 0);
  const OutputPlace place = output_place(next);
  std::size_t k = 0;
  visit_state(next, [&](std::string_view, Variable<T>& v) {
    if (v && k++ == place.number) v = h;
  });
  return next;
}

/// One step on several inputs, as the cell takes them: the projection, if it has one, and the step.
template <class Cell, class S, class... X>
S whole_step(const Cell& cell, const std::tuple<X...>& inputs, const S& state) {
  return step_on(cell, projected_inputs<S>(cell, inputs), state);
}

/// One step on an input that has been projected. Of a cell that takes several, the others are what it says where x alone is
/// given; nothing is projected before.
template <class Cell, class T, class S>
S step_of(const Cell& cell, const Variable<T>& x, const S& state) {
  if constexpr (HasStep<Cell, T, S>) {
    return cell.step(x, state);
  } else if constexpr (HasCoefficients<Cell, T>) {
    return step_of_linear(cell, x, state);
  } else if constexpr (HasSequence<Cell, T, S>) {
    return step_of_sequence(cell, x, state);
  } else if constexpr (HasSeveralInputs<Cell>) {
    return whole_step(cell, completed_inputs(cell, x), state);
  } else {
    return cell(x, state);
  }
}

/// Checks once for each type of cell that project() treats each time step alone, on a copy in evaluation mode:
/// where scan divides the time axis or packs rows, it would silently give something else.
/// Shapes: xs (T, …), or one step x (…).
/// Errors: UsageError.
template <class Cell, class T>
void check_projection(const Cell& cell, const Variable<T>& xs, bool one_step = false) {
  if constexpr (HasProject<Cell, T> && std::copy_constructible<Cell>) {
    static std::atomic<bool> done = false;
    if (done.load(std::memory_order_relaxed)) return;
    const auto project = [&](const Variable<T>& x) -> Variable<T> {
      Cell own = cell;
      if constexpr (Module<Cell>) eval(own);
      return own.project(x);
    };
    if (projects_steps_alone<T>(project, xs, one_step)) done = true;
  }
}

/// One step by itself: the projection, if the cell has one, and the step.
template <class Cell, class T, class S>
S whole_step(const Cell& cell, const Variable<T>& x, const S& state) {
  check_projection(cell, x, true);
  return step_of(cell, projected(cell, x), state);
}

/// The inputs of one step, checked.
/// Errors: as matched_inputs and check_durations.
template <class Cell, class T, class... X>
Inputs<T, sizeof...(X) + 1> step_inputs_of(const char* op, const Variable<T>& x, const X&... others) {
  constexpr std::string_view names = input_names_of<Cell>();
  const auto inputs = matched_inputs<T>(op, names, {x, Variable<T>(others)...});
  check_durations<T>(op, names, inputs);
  return input_tuple<sizeof...(X) + 1>(inputs);
}

template <RowWise Cell>
bool is_row_wise(const Cell& cell) {
  if constexpr (SometimesRowWise<Cell>) {
    return cell.row_wise();
  } else {
    return true;
  }
}

/// Shows the parameters of a layer's cell.
template <class Cell, class V>
void visit_cell(Cell& cell, V&& v) {
  if constexpr (CheckCell<Cell>::visits) cell.visit(v);
}

}  // namespace unroll::detail
