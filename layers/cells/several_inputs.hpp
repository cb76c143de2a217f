#pragma once
/// \file Cells of several inputs: what a step is given beside x, such as the time since the step before, or which
/// elements of x are known.
///
///     struct DecayCell {                                    // h' = e^(−a dt) h + W x
///       using State = HiddenState<float>;
///       static constexpr const char* input_names = "x dt";
///       Variable<float> weight, a;
///       State step(const Variable<float>& x, const Variable<float>& dt, const State& s) const {
///         return {exp(-a * dt) * s.h + linear(x, weight)};
///       }
///       …
///     };
///     auto [y, state] = scan(cell, std::tuple{xs, dts}, initial_state(cell, B));
///     auto [z, last] = Recurrent<DecayCell>(…)(xs, dts);
///
/// Such a cell has what cell.hpp says, with one argument for each input in place of x; two to four of them:
///
///   `State step(x, dt, state) const`    each input (B, …), the last axis its own: dt is (B, 1)
///   `project(xs, dts) const`            what is done to the inputs of all steps at once. It returns what step is given
///                                       instead of the inputs: a Variable, or a std::tuple of any number of them
///   `static constexpr const char* input_names = "x dt mask"`
///                                       for messages. An input called dt is the time since the step before: one
///                                       number for each row, finite and not negative. In reverse each step is given
///                                       the time since the step that was visited before it. One called mask has the
///                                       shape of x
///   `default_inputs(x) const`           all inputs, as a std::tuple, where x alone is given: `net(x)`
///   `inputs_above(h, x, dt, mask) const`
///                                       the inputs of a stack's next layer, as a std::tuple: h is the output of the
///                                       one below. Else h takes the place of x, and the others stay as they are
///
/// As a layer's cell it has a struct as its state, such as HiddenState: `net(x, dt)` could else mean a state.

#include <array>
#include <tuple>
#include <utility>

#include "unroll/layers/cell.hpp"
#include "unroll/layers/linear_cell.hpp"

namespace unroll {

namespace detail {
template <class T, std::size_t>
using EachInput = Variable<T>;
template <class T, class Numbers>
struct InputTuple;
template <class T, std::size_t... k>
struct InputTuple<T, std::index_sequence<k...>> {
  using type = std::tuple<EachInput<T, k>...>;
};
}  // namespace detail

/// The inputs of a step, or of all steps.
template <class T, std::size_t count>
using Inputs = typename detail::InputTuple<T, std::make_index_sequence<count>>::type;

namespace detail {

/// How a cell may be called with inputs of these types.
template <class Cell, class S, class Tuple>
struct CallsOn;
template <class Cell, class S, class... X>
struct CallsOn<Cell, S, std::tuple<X...>> {
  static constexpr bool projects = requires(const Cell& cell, const X&... x) { cell.project(x...); };
  static constexpr bool steps = requires(const Cell& cell, const X&... x, const S& state) {
    cell.step(x..., state);
  };
  static constexpr bool calls = std::invocable<const Cell&, const X&..., const S&>;
};
template <class Cell, std::size_t count>
using CallsOnInputs = CallsOn<Cell, CellState<Cell>, Inputs<CellNumber<Cell>, count>>;

template <class Cell>
constexpr std::size_t count_inputs() {
  using T = CellNumber<Cell>;
  if (HasStep<Cell> || HasSequence<Cell> || HasCoefficients<Cell, T> || HasProject<Cell>) return 1;
  if (CallsOnInputs<Cell, 2>::projects) return 2;
  if (CallsOnInputs<Cell, 3>::projects) return 3;
  if (CallsOnInputs<Cell, 4>::projects) return 4;
  if (CallsOnInputs<Cell, 2>::steps) return 2;
  if (CallsOnInputs<Cell, 3>::steps) return 3;
  if (CallsOnInputs<Cell, 4>::steps) return 4;
  return 1;
}

}  // namespace detail

/// The number of inputs that the steps of a cell take.
template <class Cell>
inline constexpr std::size_t input_count = detail::count_inputs<Cell>();
/// A cell of several inputs.
template <class Cell>
concept HasSeveralInputs = (input_count<Cell> > 1);

}  // namespace unroll
