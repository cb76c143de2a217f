#pragma once
/// \file Several layers of a cell as one cell: where the next input needs the top layer's output.

#include <algorithm>
#include <functional>
#include <type_traits>

#include "unroll/autograd/functions.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/detail/layers/cells/cell_calls.hpp"
#include "unroll/layers/dropout.hpp"

namespace unroll {

/// The states of all layers, from the bottom.
template <class S>
struct StackState {
  std::vector<S> layers;  ///< from the bottom

  /// The top layer's.
  const auto& output() const { return output_of(layers.back()); }
  template <class V>
  void visit(V&& v) {
    for (S& s : layers) detail::visit_state(s, v);
  }
};

/// `make(input, output)` gives a cell for inputs and with outputs of those sizes; an empty one stands for
/// Cell(input, output, true, rng). With it cells take part that have constructors of their own:
/// `[](index_t input, index_t output) { return LstmProjectionCell<float>(input, 4 * output, output); }`.
template <class Cell>
using CellMaker = std::function<Cell(index_t input, index_t output)>;

namespace detail {

/// `make`, or the maker that an empty one stands for.
/// Lifetime: that of `rng`.
/// Errors: UsageError where the cell has no such constructor.
template <class Cell>
CellMaker<Cell> maker_or_default(const CellMaker<Cell>& make, Generator& rng) {
  if (make) return make;
  if constexpr (std::is_constructible_v<Cell, index_t, index_t, bool, Generator&>) {
    return [&rng](index_t input, index_t output) { return Cell(input, output, true, rng); };
  } else {
    raise<UsageError>("cell stack: this cell is not made from (input, hidden, bias, rng); give a CellMaker");
  }
}

}  // namespace detail

/// Layers of a cell as one cell.
/// What:   s¹ = step₁(x, s¹);  s² = step₂(h¹, s²);  …;  its output is that of the top layer.
/// Shapes: as Cell; the layers above the first have inputs of the size of their outputs. In training,
///         dropout is on the input of each layer but the first.
/// `Recurrent` runs each layer over a whole sequence instead, which is faster where nothing is fed back.
/// Errors: UsageError unless num_layers is 1 … 65,536, and where `make` is empty but needed.
template <class Cell>
class CellStack {
 public:
  using value_type = CellNumber<Cell>;
  using T = value_type;
  using State = StackState<CellState<Cell>>;

  CellStack() = default;
  CellStack(index_t input, index_t hidden, int num_layers, double dropout = 0,
            Generator& rng = default_generator(), const CellMaker<Cell>& make = {})
      : dropout_(dropout, rng) {
    detail::check_num_layers("cell stack", num_layers);
    const CellMaker<Cell> made = detail::maker_or_default(make, rng);
    for (int k = 0; k < num_layers; ++k) cells_.push_back(made(k == 0 ? input : hidden, hidden));
  }

  /// Masks of dropout differ from row to row.
  bool row_wise() const requires RowWise<Cell> {
    return (dropout_.p() == 0 || !dropout_.training()) &&
           std::all_of(cells_.begin(), cells_.end(), detail::is_row_wise<Cell>);
  }
  /// The number of cells.
  int num_layers() const { return static_cast<int>(cells_.size()); }
  index_t hidden_size() const {
    check_cells();
    return detail::hidden_size_of(cells_.back());
  }
  State initial_state(index_t batch) const {
    check_cells();
    State state;
    for (const Cell& cell : cells_) state.layers.push_back(detail::initial_state_of(cell, batch));
    return state;
  }

  Variable<T> project(const Variable<T>& x) const {
    check_cells();
    return detail::projected(cells_.front(), x);
  }

  State step(const Variable<T>& x, const State& before) const {
    State s = before;
    s.layers[0] = detail::step_of(cells_[0], x, before.layers[0]);
    for (std::size_t k = 1; k < cells_.size(); ++k) {
      const Variable<T> below = dropout_(output_of(s.layers[k - 1]));
      s.layers[k] = detail::whole_step(cells_[k], below, before.layers[k]);
    }
    return s;
  }

  template <class V>
  void visit(V&& v) {
    for (std::size_t k = 0; k < cells_.size(); ++k) {
      detail::visit_cell(cells_[k], [&](std::string_view name, auto& p) {
        v(std::string(name) + "_l" + std::to_string(k), p);
      });
    }
    v("dropout", dropout_);
  }

 private:
  void check_cells() const {
    if (cells_.empty()) detail::fail_empty_layer("cell stack");
  }

  std::vector<Cell> cells_;
  Dropout<T> dropout_;
};

}  // namespace unroll
