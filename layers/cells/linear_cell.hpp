#pragma once
/// \file Cells whose state is linear in itself: h_t = a_t ⊙ h_{t−1} + b_t, with a and b made of the input alone.
///
/// Such a cell has `coefficients` in place of `step`, and gets both ways to run: scan computes the coefficients of all
/// time steps at once and calls linear_recurrence, stream() and step-by-step learning take one step at a time.
///
///     struct LeakyCell {
///       using State = Variable<double>;
///       Variable<double> w, a;
///       auto coefficients(const Variable<double>& x) const { return LinearCoefficients<double>{a, linear(x, w)}; }
///       …
///     };
///
///   `coefficients(xs) const`            members a and b, Variables or ComplexPairs. It is given inputs that project(), if
///                                       there is one, was applied to: (T, B, I), (rows, I) or (B, I); each row alone. What
///                                       does not depend on the row, such as a constant decay (H,), need not have its axis
///   `output(coefficients, hs) const`    the hidden state to show, where it is not the carried one: it is given what
///                                       coefficients() returned, which may have more members than a and b, and the
///                                       carried states of the same rows. `State` is then OutputState or
///                                       ComplexOutputState
/// The rest is as in cell.hpp. check_parallel() compares both ways.

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/linear_recurrence.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

/// What coefficients() returns, where output() needs nothing else.
/// Shapes: b (…, H), a likewise or (H,).
template <class T>
struct LinearCoefficients {
  Variable<T> a;  ///< what the state is multiplied by
  Variable<T> b;  ///< what is added to it
};
/// The same for a complex state.
template <class T>
struct ComplexCoefficients {
  ComplexPair<T> a;  ///< what the state is multiplied by
  ComplexPair<T> b;  ///< what is added to it
};

/// The state of a linear cell with an output of its own.
/// Shapes: h (B, H), c (B, C).
template <class T>
struct OutputState {
  Variable<T> h;  ///< the output
  Variable<T> c;  ///< what is carried
  /// Shows h and c.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c", c);
  }
};
/// The same with a complex c.
template <class T>
struct ComplexOutputState {
  Variable<T> h;     ///< the output
  ComplexPair<T> c;  ///< what is carried
  /// Shows h and both parts of c.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    v("c_re", c.re);
    v("c_im", c.im);
  }
};

namespace detail {

template <class Cell, class T>
using CoefficientsOf = decltype(std::declval<const Cell&>().coefficients(std::declval<const Variable<T>&>()));
template <class Cell, class T>
using CarriedOf = std::decay_t<decltype(std::declval<CoefficientsOf<Cell, T>>().b)>;

/// The number of real arrays that are carried.
template <class T>
constexpr std::size_t parts_of(const Variable<T>*) {
  return 1;
}
template <class T>
constexpr std::size_t parts_of(const ComplexPair<T>*) {
  return 2;
}

/// What a linear cell carries of its state.
template <class T>
Variable<T>& carried(Variable<T>& state) {
  return state;
}
template <class S>
auto& carried(S& state) {
  return state.c;
}

template <class A, class B, class T>
Variable<T> linear_step(const A& a, const B& b, const Variable<T>& h) {
  return a * h + b;
}
template <class T>
ComplexPair<T> linear_step(const ComplexPair<T>& a, const ComplexPair<T>& b, const ComplexPair<T>& h) {
  return {a.re * h.re - a.im * h.im + b.re, a.re * h.im + a.im * h.re + b.im};
}

}  // namespace detail

/// A cell with coefficients in place of a step.
template <class Cell, class T>
concept HasCoefficients = requires(const Cell& cell, const Variable<T>& xs) {
  cell.coefficients(xs).a;
  cell.coefficients(xs).b;
};
/// One whose output is not what it carries.
template <class Cell, class T>
concept HasOutputMap = HasCoefficients<Cell, T> &&
    requires(const Cell& cell, const Variable<T>& xs, const detail::CarriedOf<Cell, T>& hs) {
  { cell.output(cell.coefficients(xs), hs) } -> std::convertible_to<Variable<T>>;
};

namespace detail {

/// One step of a linear cell.
template <class Cell, class T, class S>
S step_of_linear(const Cell& cell, const Variable<T>& x, S state) {
  const auto k = cell.coefficients(x);
  auto& c = carried(state);
  c = linear_step(k.a, k.b, c);
  if constexpr (HasOutputMap<Cell, T>) state.h = cell.output(k, c);
  return state;
}

}  // namespace detail
}  // namespace unroll
