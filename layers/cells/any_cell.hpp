#pragma once  // internal
/// \file Any cell behind one type, so that what scan does beside a plain loop is compiled once.

#include <functional>
#include <memory>
#include <vector>

#include "unroll/detail/layers/cells/cell_calls.hpp"

namespace unroll::detail {

/// The coefficients of a linear cell, all rows at once.
template <class T>
struct AnyCoefficients {
  std::vector<Variable<T>> a, b;  ///< the parts: one, or real and imaginary
  /// The output that goes with the carried states of the same rows, by parts; null: they are the output.
  std::function<Variable<T>(const std::vector<Variable<T>>& hs)> output;
};

/// What a scan gives: the output, and the members of the state.
template <class T>
struct AnyScanned {
  Variable<T> output;
  std::vector<Variable<T>> state;
};

/// A cell whose state is a list of its members.
template <class T>
class AnyCell {
 public:
  using Members = std::vector<Variable<T>>;
  using Own = std::unique_ptr<const AnyCell>;  ///< null where there can be none

  explicit AnyCell(std::size_t output_member) : output(output_member) {}
  AnyCell(const AnyCell&) = delete;
  AnyCell& operator=(const AnyCell&) = delete;
  virtual ~AnyCell() = default;

  virtual bool projects() const = 0;
  virtual Variable<T> project(const Variable<T>& xs) const = 0;
  virtual Members step(const Variable<T>& x, const Members& state) const = 0;
  /// Whether it is a linear cell, which alone has coefficients. What it carries are the last members of its state.
  virtual bool is_linear() const { return false; }
  /// Of inputs that have been projected.
  virtual AnyCoefficients<T> coefficients(const Variable<T>&) const { return {}; }
  /// Whether it runs whole sequences in a way of its own, which alone has sequence().
  virtual bool has_sequence() const { return false; }
  virtual AnyScanned<T> sequence(const Variable<T>&, const Members&, const RecurrenceOptions&) const {
    return {};
  }
  /// Whether it does so from the first step to the last only.
  virtual bool forward_only() const { return false; }
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

  /// Errors: UsageError where the state does not show its output.
  CellView(const Cell& cell, const S& like)
      : AnyCell<T>(output_number(like)), cell_(cell), like_(like), present_(present_members(like_)) {}

  bool projects() const final { return HasProject<Cell, T>; }
  Variable<T> project(const Variable<T>& xs) const final { return projected(cell_, xs); }
  Members step(const Variable<T>& x, const Members& state) const final {
    S next = step_of(cell_, x, with_members(like_, state));
    check_members("scan", present_, next);
    return members_of(std::move(next));
  }
  bool is_linear() const final { return HasCoefficients<Cell, T>; }
  AnyCoefficients<T> coefficients([[maybe_unused]] const Variable<T>& xs) const final {
    if constexpr (HasCoefficients<Cell, T>) {
      auto k = cell_.coefficients(xs);
      using Carried = std::decay_t<decltype(k.b)>;
      AnyCoefficients<T> any{parts(Carried(k.a)), parts(k.b), {}};
      if constexpr (HasOutputMap<Cell, T>)
        any.output = [this, k](const Members& hs) -> Variable<T> {
          return cell_.output(k, whole<Carried>(hs));
        };
      return any;
    } else {
      return {};
    }
  }
  bool has_sequence() const final { return HasSequence<Cell, T, S>; }
  bool forward_only() const final {
    if constexpr (requires { bool{Cell::forward_only}; }) {
      return Cell::forward_only;
    } else {
      return false;
    }
  }
  AnyScanned<T> sequence([[maybe_unused]] const Variable<T>& xs, [[maybe_unused]] const Members& state,
                         [[maybe_unused]] const RecurrenceOptions& options) const final {
    if constexpr (HasSequence<Cell, T, S>) {
      auto [output, last] = cell_.sequence(xs, with_members(like_, state), options);
      check_members("scan", present_, last);
      return {std::move(output), members_of(std::move(last))};
    } else {
      return {};
    }
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
  static Members parts(const Variable<T>& x) { return {x}; }
  static Members parts(const ComplexPair<T>& x) { return {x.re, x.im}; }
  template <class Carried>
  static Carried whole(const Members& x) {
    if constexpr (std::is_same_v<Carried, Variable<T>>) {
      return x[0];
    } else {
      return {x[0], x[1]};
    }
  }

  const Cell& cell_;
  S like_;
  std::uint64_t present_;
};

/// The same with the cell itself.
template <class T, class Cell, class S>
class CellCopy final : public CellView<T, Cell, S> {
 public:
  CellCopy(const Cell& cell, const S& like) : CellView<T, Cell, S>(own_, like), own_(cell) {}

  void replace_parameters(const std::function<Variable<T>(const Variable<T>&)>& f) {
    for (auto& member : members(own_))
      if (Variable<T>* p = array_of(member)) *p = f(*p);
  }

 private:
  Cell own_;
};

template <class T, class Cell, class S>
typename AnyCell<T>::Own any_cell(const Cell& cell, const S& like) {
  return typename AnyCell<T>::Own(new CellView<T, Cell, S>(cell, like));
}

}  // namespace unroll::detail
