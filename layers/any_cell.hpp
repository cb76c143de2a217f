#pragma once
/// \file Cells as scan sees them, and any cell behind one type, so that what scan does beside a plain loop is
/// compiled once.

#include <functional>
#include <memory>
#include <vector>

#include "layers/module.hpp"
#include "layers/state.hpp"

namespace unroll::detail {

template <class Cell, class T>
concept Projects = requires(const Cell& cell, const Variable<T>& xs) {
  { cell.project(xs) } -> std::convertible_to<Variable<T>>;
};
template <class Cell, class T, class S>
concept Steps = requires(const Cell& cell, const Variable<T>& x, const S& s) {
  cell.step(x, s);
};
template <class Cell, class S>
concept BeginsItself = requires(const Cell& cell) {
  { cell.initial_state(index_t{1}) } -> std::convertible_to<S>;
};

/// Cells that give their word, `static constexpr bool row_wise = true;` or, where it depends on what they
/// hold, `bool row_wise() const`: no row of a batch depends on another, and every Variable they hold is shown
/// by visit(). A cell derived from one that says so says so as well.
template <class Cell>
concept ConstantlyRowWise = requires {
  requires Cell::row_wise;
};
template <class Cell>
concept SometimesRowWise = requires(const Cell& cell) {
  { cell.row_wise() } -> std::same_as<bool>;
};
template <class Cell>
concept RowWise = Module<Cell> &&(ConstantlyRowWise<Cell> || SometimesRowWise<Cell>);

template <RowWise Cell>
bool is_row_wise(const Cell& cell) {
  if constexpr (SometimesRowWise<Cell>) {
    return cell.row_wise();
  } else {
    return true;
  }
}

template <class Cell, class T, class S>
S step_of(const Cell& cell, const Variable<T>& x, const S& state) {
  if constexpr (Steps<Cell, T, S>) {
    return cell.step(x, state);
  } else {
    return cell(x, state);
  }
}

template <class Cell, class T>
Variable<T> projected(const Cell& cell, const Variable<T>& x) {
  if constexpr (Projects<Cell, T>) {
    return cell.project(x);
  } else {
    return x;
  }
}

/// The state that a sequence begins with, for as many rows as `state` has.
template <class Cell, class S>
S fresh_state(const Cell& cell, const S& state) {
  if constexpr (BeginsItself<Cell, S>) {
    return cell.initial_state(output_of(state).shape(0));
  } else {
    return map_state(state, [](const auto& v) { return std::decay_t<decltype(v)>(v.shape(), 0); });
  }
}

/// A cell whose state is a list of its members.
template <class T>
struct AnyCell {
  using Members = std::vector<Variable<T>>;
  std::function<Variable<T>(const Variable<T>& xs)> project;  ///< empty: none
  std::function<Members(const Variable<T>& x, const Members& state)> step;
  std::function<AnyCell()> copy;  ///< a cell of its own; empty where the cell cannot be copied
  /// A cell of its own whose parameters are what f makes of this one's; empty unless it is row-wise.
  std::function<AnyCell(const std::function<Variable<T>(const Variable<T>&)>& f)> with_parameters;
  std::size_t output = 0;  ///< which member is h
};

/// `cell` by reference; `like` tells which members of the state are there.
template <class T, class Cell, class S>
AnyCell<T> any_cell(const Cell& cell, const S& like) {
  AnyCell<T> any;
  any.output = output_number(like);
  if constexpr (Projects<Cell, T>)
    any.project = [&cell](const Variable<T>& xs) -> Variable<T> { return cell.project(xs); };
  any.step = [&cell, like](const Variable<T>& x, const std::vector<Variable<T>>& members) {
    return members_of(step_of(cell, x, with_members(like, members)));
  };
  if constexpr (std::copy_constructible<Cell>) {
    any.copy = [&cell, like] {
      const auto own = std::make_shared<const Cell>(cell);
      AnyCell<T> again = any_cell<T>(*own, like);
      again.copy = [own, copy = again.copy] { return copy(); };  // keeps it alive
      return again;
    };
  }
  if constexpr (RowWise<Cell>) {
    any.with_parameters = [&cell, like](const auto& f) {
      const auto own = std::make_shared<Cell>(cell);
      for (auto& member : members(*own))
        if (auto* const* p = std::get_if<Variable<T>*>(&member.at); p && **p) **p = f(**p);
      AnyCell again = any_cell<T>(std::as_const(*own), like);
      again.copy = [own, copy = again.copy] { return copy(); };  // keeps it alive
      return again;
    };
  }
  return any;
}

}  // namespace unroll::detail
