#pragma once
/// \file A recurrent layer of any cell: stacked, in both directions, with dropout, over sequences of any
/// lengths.

#include <concepts>
#include <string>
#include <vector>

#include "unroll/detail/layers/cells/cell_calls.hpp"
#include "unroll/detail/layers/recurrent/recurrent_layers.hpp"
#include "unroll/detail/layers/recurrent/refused_calls.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

/// What:   a stack of cells run over whole sequences; `auto [y, state] = rnn(x);`, `rnn(x, state)`, or
///         `rnn(x, {.lengths = lengths})` for sequences that differ in length.
/// Shapes: x (T, B, I), y (T, B, D·H), each member of the state (D·L, B, H) at index layer · D + direction;
///         D = 2 if bidirectional, else 1; with a merge other than concat y is (T, B, H).
/// What `Cell` needs, what else it may have and what is assumed otherwise: see cell.hpp.
/// Errors: ShapeError naming what was expected; UsageError for options out of range.
/// Source: PyTorch's nn.RNN, nn.LSTM and nn.GRU: order of states, dropout, names of the parameters
///         (weight_ih_l0, …, weight_ih_l0_reverse, …).
template <class Cell>
class Recurrent : public detail::RecurrentLayers<CellNumber<Cell>>,
                  public detail::RefusedCalls<CellNumber<Cell>, CellState<Cell>> {
  static_assert(sizeof(detail::CheckCell<Cell>) > 0);

 public:
  using value_type = CellNumber<Cell>;
  using T = value_type;
  using State = CellState<Cell>;
  /// The number of inputs that the cells take; more than x for those of several_inputs.hpp.
  static constexpr std::size_t inputs = input_count<Cell>;

  Recurrent() = default;
  /// For cells made from (input, hidden, bias, rng).
  Recurrent(index_t input, index_t hidden, const RecurrentOptions& options = {},
            Generator& rng = default_generator()) requires
      std::constructible_from<Cell, index_t, index_t, bool, Generator&>
      : Recurrent(
            input,
            [&](index_t size) {
              Layers::check_size("hidden", hidden);
              return make_cell(size, hidden, options.bias, rng);
            },
            options, rng) {}
  /// For cells with constructors of their own: `make(input)` gives a cell for inputs of that size; whether
  /// it has biases is its affair.
  template <std::invocable<index_t> Make>
  Recurrent(index_t input, Make&& make, const RecurrentOptions& options = {},
            Generator& rng = default_generator())
      : Layers(input, options) {
    for (int k = 0; k < options.num_layers; ++k)
      for (int d = 0; d < this->directions(); ++d)
        cells_.push_back(make(k == 0 ? input : this->merged_size(output_size())));
    this->start(Cells(cells_), rng);
  }

  using detail::RefusedCalls<CellNumber<Cell>, CellState<Cell>>::operator();
  /// All steps of x from `state`, or from initial_state(B).
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {},
                               const SequenceOptions& sequences = {}) const;
  /// The same from initial_state(B). A template, so that `rnn(x, {})` means an empty state.
  template <std::same_as<SequenceOptions> Options = SequenceOptions>
  Scanned<T, State> operator()(const Variable<T>& x, const Options& sequences) const {
    return (*this)(x, State{}, sequences);
  }

  /// For cells of several inputs, see several_inputs.hpp: all of them, as a tuple; those beside x are like x, time or batch
  /// first. A bidirectional layer turns dt round for the second cell, as scan does.
  /// Errors: as scan.
  template <class... X>
  requires(inputs > 1 && sizeof...(X) == inputs) Scanned<T, State>
  operator()(const std::tuple<X...>& given, const State& state = {},
             const SequenceOptions& sequences = {}) const {
    return run_several(detail::input_list<T>(given), state, sequences);
  }
  /// `net(x, dt)` of a cell with two inputs.
  template <std::convertible_to<Variable<T>> X>
  requires(inputs == 2) Scanned<T, State>
  operator()(const Variable<T>& x, const X& dt, const State& state = {},
             const SequenceOptions& sequences = {}) const {
    return run_several({x, Variable<T>(dt)}, state, sequences);
  }
  /// The same from initial_state(B).
  template <std::convertible_to<Variable<T>> X, std::same_as<SequenceOptions> Options = SequenceOptions>
  requires(inputs == 2) Scanned<T, State>
  operator()(const Variable<T>& x, const X& dt, const Options& sequences) const {
    return run_several({x, Variable<T>(dt)}, {}, sequences);
  }
  /// `net(x, dt, mask)` of a cell with three inputs.
  template <std::convertible_to<Variable<T>> X, std::convertible_to<Variable<T>> Y>
  requires(inputs == 3) Scanned<T, State>
  operator()(const Variable<T>& x, const X& dt, const Y& mask, const State& state = {},
             const SequenceOptions& sequences = {}) const {
    return run_several({x, Variable<T>(dt), Variable<T>(mask)}, state, sequences);
  }
  /// The same from initial_state(B).
  template <std::convertible_to<Variable<T>> X, std::convertible_to<Variable<T>> Y,
            std::same_as<SequenceOptions> Options = SequenceOptions>
  requires(inputs == 3) Scanned<T, State>
  operator()(const Variable<T>& x, const X& dt, const Y& mask, const Options& sequences) const {
    return run_several({x, Variable<T>(dt), Variable<T>(mask)}, {}, sequences);
  }

  /// What a sequence begins with: zeros, or what was learned.
  /// Shapes: (D·L, B, H).
  State initial_state(index_t batch) const;

  /// The last hidden state of the top layer over each sequence's true length, directions merged as in the
  /// output: (B, D·H). For an empty sequence it is the initial state.
  Variable<T> last(const Scanned<T, State>& result) const { return this->top(output_of(result.state)); }

  index_t hidden_size() const { return cells_.empty() ? 0 : detail::hidden_size_of(cells_.front()); }
  /// What one direction puts out at each step: the hidden size but for projections and fed-back outputs.
  index_t output_size() const { return cells_.empty() ? 0 : output_of(begin(1)).shape().back(0); }
  /// The cell of a layer and direction.
  /// Errors: IndexError.
  Cell& cell(int layer, int direction = 0) { return cells_[this->place(layer, direction, cells_.size())]; }
  /// The same to read.
  const Cell& cell(int layer, int direction = 0) const {
    return cells_[this->place(layer, direction, cells_.size())];
  }
  /// The numbers that one sequence carries from step to step.
  index_t state_size() const { return Layers::state_size(Cells(cells_)); }

  template <class V>
  void visit(V&& v) {
    for (std::size_t k = 0; k < cells_.size(); ++k)
      detail::visit_cell(cells_[k], [&](std::string_view name, auto& p) { v(this->name_of(name, k), p); });
    this->visit_layers(v);
  }

 private:
  using Layers = detail::RecurrentLayers<T>;

  class Cells;

  // clang 14 compiles the constructor for the library's other cells as well, whatever it requires.
  static Cell make_cell(index_t input, index_t hidden, bool bias, Generator& rng) {
    if constexpr (std::constructible_from<Cell, index_t, index_t, bool, Generator&>)
      return Cell(input, hidden, bias, rng);
    else
      raise<UsageError>("recurrent: this cell is not made from (input, hidden, bias, rng); give a function");
  }

  State begin(index_t batch) const { return detail::initial_state_of(cells_.front(), batch); }
  Scanned<T, State> run_several(std::vector<Variable<T>> given, const State& state,
                                const SequenceOptions& sequences) const;

  std::vector<Cell> cells_;
};

template <class Cell>
class Recurrent<Cell>::Cells final : public detail::AnyCells<T> {
 public:
  using Members = std::vector<Variable<T>>;
  /// `several`: the inputs of a cell that takes more than one, with time first; empty where x alone is given. `width` cells
  /// are a layer.
  explicit Cells(const std::vector<Cell>& cells, Members several = {}, int width = 1)
      : cells_(cells), inputs_(std::move(several)), width_(static_cast<std::size_t>(width)) {}

  std::size_t count() const override { return cells_.size(); }
  std::vector<NamedParameter<T>> initial_state(index_t batch) const override {
    State state = detail::initial_state_of(cells_.front(), batch);
    detail::check_output_place("recurrent", detail::output_place(state));
    return detail::named_members(std::move(state));
  }
  detail::AnyScanned<T> scan(std::size_t k, const Variable<T>& x, const Members& state,
                             const ScanOptions& options, Members fresh) const override;

 private:
  // What cell k is given, where x is its layer's input.
  auto inputs_of(std::size_t k, const Variable<T>& x) const {
    if (inputs_.empty()) return detail::completed_inputs(cells_[k], x);
    const auto given = detail::input_tuple<inputs>(inputs_);
    return k < width_ ? given : detail::inputs_of_layer_above(cells_[k], x, given);
  }

  const std::vector<Cell>& cells_;
  Members inputs_;
  std::size_t width_;
};

// Out of the class, or every file would compile them again for the library's own cells, to inline them.

template <class Cell>
auto Recurrent<Cell>::operator()(const Variable<T>& x, const State& state,
                                 const SequenceOptions& sequences) const -> Scanned<T, State> {
  auto run = this->run(Cells(cells_), x, detail::named_members(state), sequences);
  return {std::move(run.output), detail::with_members(begin(1), run.state)};
}

template <class Cell>
auto Recurrent<Cell>::run_several(std::vector<Variable<T>> given, const State& state,
                                  const SequenceOptions& sequences) const -> Scanned<T, State> {
  const Variable<T> x = given.front();
  given = this->layer_inputs(detail::input_names_of<Cell>(), std::move(given));
  auto run = this->run(Cells(cells_, std::move(given), this->directions()), x, detail::named_members(state),
                       sequences);
  return {std::move(run.output), detail::with_members(begin(1), run.state)};
}

template <class Cell>
auto Recurrent<Cell>::initial_state(index_t batch) const -> State {
  const auto members = Layers::initial_state(Cells(cells_), batch);
  return detail::with_members(begin(1), members);
}

template <class Cell>
auto Recurrent<Cell>::Cells::scan(std::size_t k, const Variable<T>& x, const Members& state,
                                  const ScanOptions& options, Members fresh) const -> detail::AnyScanned<T> {
  const State begin = detail::with_members(detail::initial_state_of(cells_[k], 1), state);
  auto run = [&] {
    if constexpr (inputs > 1) {
      return detail::scan_several<T>("recurrent", cells_[k], inputs_of(k, x), begin, options,
                                     std::move(fresh));
    } else {
      return detail::scan_from(cells_[k], x, begin, options, std::move(fresh));
    }
  }();
  return {std::move(run.output), detail::members_of(std::move(run.state))};
}

template <std::invocable<index_t> Make>
Recurrent(index_t, Make, const RecurrentOptions& = {}, Generator& = default_generator())
    -> Recurrent<std::invoke_result_t<Make, index_t>>;

}  // namespace unroll
