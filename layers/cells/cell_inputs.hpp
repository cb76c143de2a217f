#pragma once  // internal
/// \file The inputs of a cell that takes several: checked, completed, and as one array.

#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "unroll/autograd/axis_views.hpp"
#include "unroll/autograd/indices.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/layers/several_inputs.hpp"

namespace unroll::detail {

template <class Cell>
constexpr std::string_view input_names_of() {
  if constexpr (requires { std::string_view(Cell::input_names); }) {
    return Cell::input_names;
  } else {
    return "x";
  }
}

/// What:   the inputs with equal axes but for the last; one without that axis gets it.
/// Shapes: x (…, I), the others (…) or (…, K); dt (…, 1), mask (…, I).
/// Errors: UsageError for an empty one; ShapeError naming `op` and the input.
template <class T>
std::vector<Variable<T>> matched_inputs(const char* op, std::string_view names,
                                        std::vector<Variable<T>> inputs);
/// Errors: UsageError where a number of an input called dt is negative or not finite, within `lengths` (B,) if there are any.
template <class T>
void check_durations(const char* op, std::string_view names, const std::vector<Variable<T>>& inputs,
                     const Indices& lengths = {});
/// What:   the inputs of a scan in reverse: each step of a sequence gets the dt of the step behind it, and the last one,
///         where the scan begins, that of the first.
/// Shapes: inputs (T, B, …), lengths (B,) and resets (T, B), or empty.
template <class T>
void reverse_durations(std::string_view names, std::vector<Variable<T>>& inputs, const Indices& lengths,
                       const Indices& resets);
/// The inputs one after another along the last axis.
template <class T>
Variable<T> packed_inputs(const std::vector<Variable<T>>& inputs);
/// The extents of the last axes of what `project` makes of a row of zeros of each of these sizes. Nothing is recorded, and
/// no product counted.
/// Errors: ShapeError where it returns something else than rows.
template <class T>
std::vector<index_t> projected_sizes(
    const std::function<std::vector<Variable<T>>(const std::vector<Variable<T>>& inputs)>& project,
    const std::vector<index_t>& sizes);

template <class T, class... X>
std::vector<Variable<T>> input_list(const std::tuple<X...>& inputs) {
  return std::apply([](const auto&... x) { return std::vector<Variable<T>>{Variable<T>(x)...}; }, inputs);
}
template <std::size_t count, class T>
Inputs<T, count> input_tuple(const std::vector<Variable<T>>& list) {
  return [&]<std::size_t... k>(std::index_sequence<k...>) { return Inputs<T, count>(list[k]...); }
  (std::make_index_sequence<count>());
}

template <class T>
std::tuple<Variable<T>> as_tuple(const Variable<T>& x) {
  return {x};
}
template <class... X>
const std::tuple<X...>& as_tuple(const std::tuple<X...>& x) {
  return x;
}

/// All inputs where only x is given.
/// Errors: UsageError where the cell does not say what the others are.
template <class Cell, class T>
auto completed_inputs(const Cell& cell, const Variable<T>& x) {
  using All = Inputs<T, input_count<Cell>>;
  if constexpr (requires { All(cell.default_inputs(x)); }) {
    return All(cell.default_inputs(x));
  } else {
    raise<UsageError>("cell: it takes {} inputs ({}); got one", input_count<Cell>, input_names_of<Cell>());
    return All{};
  }
}

/// The inputs of a stack's next layer.
template <class Cell, class T, class... X>
auto inputs_of_layer_above(const Cell& cell, const Variable<T>& h,
                           const std::tuple<Variable<T>, X...>& below) {
  using All = std::tuple<Variable<T>, X...>;
  return std::apply(
      [&](const Variable<T>& x, const auto&... others) {
        if constexpr (requires { All(cell.inputs_above(h, x, others...)); }) {
          return All(cell.inputs_above(h, x, others...));
        } else {
          return All(h, others...);
        }
      },
      below);
}

/// What step is given: what project makes of the inputs, if the cell has it.
template <class S, class Cell, class... X>
auto projected_inputs(const Cell& cell, const std::tuple<X...>& inputs) {
  if constexpr (CallsOn<Cell, S, std::tuple<X...>>::projects) {
    auto made = std::apply([&](const auto&... x) { return cell.project(x...); }, inputs);
    return as_tuple(made);
  } else {
    return inputs;
  }
}
/// One step on inputs that have been projected.
template <class Cell, class S, class... X>
S step_on(const Cell& cell, const std::tuple<X...>& parts, const S& state) {
  return std::apply(
      [&](const auto&... x) -> S {
        if constexpr (CallsOn<Cell, S, std::tuple<X...>>::steps) {
          return cell.step(x..., state);
        } else {
          return cell(x..., state);
        }
      },
      parts);
}

template <class Cell>
struct GateNamesOf {};
template <class Cell>
requires requires { std::string_view(Cell::gate_names); }
struct GateNamesOf<Cell> {
  static constexpr const char* gate_names = Cell::gate_names;
};

/// A cell of several inputs as one of a single input, which has them one after another along its last axis. It refers to
/// the cell; a copy of it has a copy.
template <class Cell, class T, class S, std::size_t count>
class PackedCell : public GateNamesOf<Cell> {
 public:
  using State = S;
  using value_type = T;
  static constexpr bool projects = CallsOn<Cell, S, Inputs<T, count>>::projects;
  static constexpr std::size_t parts = std::tuple_size_v<
      std::decay_t<decltype(projected_inputs<S>(std::declval<const Cell&>(), Inputs<T, count>{}))>>;

  /// For inputs of these sizes.
  PackedCell(const Cell& cell, std::vector<index_t> sizes)
      : cell_(&cell), given_(std::move(sizes)), split_(given_) {
    if constexpr (projects) measure();
  }
  PackedCell(const PackedCell& other) requires std::copy_constructible<Cell>
      : own_(std::make_unique<Cell>(*other.cell_)),
        cell_(own_.get()),
        given_(other.given_),
        split_(other.split_) {}
  PackedCell& operator=(const PackedCell&) = delete;
  ~PackedCell() = default;

  Variable<T> project(const Variable<T>& xs) const requires projects {
    return packed_inputs<T>(input_list<T>(parts_of(xs)));
  }
  /// What step_on() is given, of whole arrays.
  Inputs<T, parts> parts_of(const Variable<T>& xs) const {
    return projected_inputs<S>(*cell_, input_tuple<count>(split(xs, given_, -1)));
  }
  S step_on_parts(const Inputs<T, parts>& now, const S& state) const { return step_on(*cell_, now, state); }
  S step(const Variable<T>& x, const S& state) const {
    return step_on(*cell_, input_tuple<parts>(split(x, split_, -1)), state);
  }
  S initial_state(index_t batch) const requires HasInitialState<Cell, S> {
    return cell_->initial_state(batch);
  }
  index_t hidden_size() const requires HasHiddenSize<Cell> { return cell_->hidden_size(); }
  index_t input_size() const { return sum_of(given_); }
  bool row_wise() const requires RowWise<Cell> {
    if constexpr (SometimesRowWise<Cell>) {
      return cell_->row_wise();
    } else {
      return true;
    }
  }
  template <class V>
  void visit(V&& v) requires Module<Cell> {
    const_cast<Cell*>(cell_)->visit(v);
  }

 private:
  static index_t sum_of(const std::vector<index_t>& sizes) {
    index_t sum = 0;
    for (const index_t size : sizes) sum += size;
    return sum;
  }
  // On a copy in evaluation mode, or a trial might draw random numbers.
  void measure() {
    const auto project = [&](const Cell& cell) {
      return [&cell](const std::vector<Variable<T>>& row) {
        return input_list<T>(projected_inputs<S>(cell, input_tuple<count>(row)));
      };
    };
    if constexpr (Module<Cell>) {
      Cell own = *cell_;
      eval(own);
      split_ = projected_sizes<T>(project(own), given_);
    } else {
      split_ = projected_sizes<T>(project(*cell_), given_);
    }
  }

  std::unique_ptr<Cell> own_;
  const Cell* cell_;
  std::vector<index_t> given_, split_;
};

}  // namespace unroll::detail
