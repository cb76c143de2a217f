#pragma once  // internal
/// \file Cells as scan sees them, and any cell behind one type, so that what scan does beside a plain loop is
/// compiled once.

#include <functional>
#include <memory>
#include <vector>

#include "unroll/layers/module.hpp"
#include "unroll/layers/state.hpp"

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
class AnyCell {
 public:
  using Members = std::vector<Variable<T>>;
  using Own = std::unique_ptr<const AnyCell>;  ///< null where there can be none

  explicit AnyCell(std::size_t output) : output(output) {}
  AnyCell(const AnyCell&) = delete;
  AnyCell& operator=(const AnyCell&) = delete;
  virtual ~AnyCell() = default;

  virtual bool projects() const = 0;
  virtual Variable<T> project(const Variable<T>& xs) const = 0;
  virtual Members step(const Variable<T>& x, const Members& state) const = 0;
  virtual bool copies() const = 0;
  /// A cell of its own; null unless copies().
  virtual Own copy() const = 0;
  /// A cell of its own whose parameters are what f makes of this one's; null unless it is row-wise.
  virtual Own with_parameters(const std::function<Variable<T>(const Variable<T>&)>& f) const = 0;

  const std::size_t output;  ///< which member is h
};

template <class T, class Cell, class S>
class CellCopy;

/// `cell` by reference; `like` tells which members of the state are there.
template <class T, class Cell, class S>
class CellView : public AnyCell<T> {
 public:
  using typename AnyCell<T>::Members;
  using typename AnyCell<T>::Own;

  CellView(const Cell& cell, const S& like) : AnyCell<T>(output_number(like)), cell_(cell), like_(like) {}

  bool projects() const final { return Projects<Cell, T>; }
  Variable<T> project(const Variable<T>& xs) const final { return projected(cell_, xs); }
  Members step(const Variable<T>& x, const Members& state) const final {
    return members_of(step_of(cell_, x, with_members(like_, state)));
  }
  bool copies() const final { return std::copy_constructible<Cell>; }
  Own copy() const final {
    if constexpr (std::copy_constructible<Cell>) {
      return Own(new CellCopy<T, Cell, S>(cell_, like_));
    } else {
      return nullptr;
    }
  }
  Own with_parameters(const std::function<Variable<T>(const Variable<T>&)>& f) const final {
    if constexpr (RowWise<Cell>) {
      // The copy may go to another thread: it must hold nothing that this one counts references to.
      const S like = map_state(like_, [](const auto& v) { return std::decay_t<decltype(v)>(Shape{}, 0); });
      auto* const own = new CellCopy<T, Cell, S>(cell_, like);
      Own result(own);
      own->replace_parameters(f);
      return result;
    } else {
      return nullptr;
    }
  }

 private:
  const Cell& cell_;
  S like_;
};

/// The same with the cell itself.
template <class T, class Cell, class S>
class CellCopy final : public CellView<T, Cell, S> {
 public:
  CellCopy(const Cell& cell, const S& like) : CellView<T, Cell, S>(own_, like), own_(cell) {}

  void replace_parameters(const std::function<Variable<T>(const Variable<T>&)>& f) {
    for (auto& member : members(own_))
      if (auto* const* p = std::get_if<Variable<T>*>(&member.at); p && **p) **p = f(**p);
  }

 private:
  Cell own_;
};

template <class T, class Cell, class S>
typename AnyCell<T>::Own any_cell(const Cell& cell, const S& like) {
  return typename AnyCell<T>::Own(new CellView<T, Cell, S>(cell, like));
}

}  // namespace unroll::detail
