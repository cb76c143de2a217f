#pragma once
/// \file A recurrent layer of any cell: stacked, in both directions, with dropout between the layers.

#include <string>
#include <vector>

#include "autograd/dropout.hpp"
#include "autograd/join.hpp"
#include "autograd/permute.hpp"
#include "layers/default_generator.hpp"
#include "layers/module.hpp"
#include "layers/scan.hpp"

namespace unroll {

struct RecurrentOptions {
  int layers = 1;
  bool bias = true;
  bool bidirectional = false;  ///< a second cell per layer runs from the end; outputs are concatenated
  bool batch_first = false;    ///< x and output are (B, T, …) instead of (T, B, …)
  double dropout = 0;          ///< on the output of every layer but the last, while training
};

/// What:   a stack of cells run over whole sequences; `auto [y, state] = rnn(x);` or `rnn(x, state)`.
/// Shapes: x (T, B, I), y (T, B, D·H), each member of the state (D·L, B, H) at index layer · D + direction;
///         D = 2 if bidirectional, else 1.
/// Errors: ShapeError naming what was expected; UsageError for options out of range.
/// Source: PyTorch's nn.RNN, nn.LSTM and nn.GRU: order of states, dropout, names of the parameters
///         (weight_ih_l0, …, weight_ih_l0_reverse, …).
template <class Cell>
class Recurrent {
 public:
  using value_type = typename Cell::value_type;
  using T = value_type;
  using State = typename Cell::State;

  Recurrent() = default;
  Recurrent(index_t input, index_t hidden, const RecurrentOptions& options = {},
            Generator& rng = default_generator())
      : Recurrent(
            input, [&](index_t size) { return Cell(size, hidden, options.bias, rng); }, options, rng) {}
  /// For cells with constructors of their own: `make(input)` gives a cell for inputs of that size; whether
  /// it has biases is its affair.
  template <std::invocable<index_t> Make>
  Recurrent(index_t input, Make&& make, const RecurrentOptions& options = {},
            Generator& rng = default_generator())
      : options_(options) {
    if (options.layers < 1) fail<UsageError>("recurrent: need layers ≥ 1; got {}", options.layers);
    if (!(options.dropout >= 0 && options.dropout < 1)) {
      fail<UsageError>("recurrent: need 0 ≤ dropout < 1; got {}", options.dropout);
    }
    for (int k = 0; k < options.layers; ++k) {
      for (int d = 0; d < directions(); ++d) {
        cells_.push_back(make(k == 0 ? input : directions() * output_size()));
      }
    }
    dropout_key_.seed = rng.below(~std::uint64_t{0});
  }

  /// All steps of x from `state`, or from zero.
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {}) const {
    check_input(x);
    Variable<T> y = options_.batch_first ? permute(x, {1, 0, 2}) : x;
    const State start = output_of(state) ? state : initial_state(y.shape()[1]);
    check_state(start, y.shape()[1]);
    std::vector<State> last;
    for (int k = 0; k < options_.layers; ++k) {
      std::vector<Variable<T>> outputs;
      for (int d = 0; d < directions(); ++d) {
        const int index = k * directions() + d;
        auto run =
            scan(cells_[static_cast<std::size_t>(index)], y, layer_state(start, index), {.reverse = d == 1});
        outputs.push_back(std::move(run.output));
        last.push_back(std::move(run.state));
      }
      y = outputs.size() == 1 ? outputs[0] : concat(outputs, 2);
      if (k + 1 < options_.layers && training_ && options_.dropout > 0) {
        dropout_key_.layer = static_cast<std::uint32_t>(k);
        y = dropout(y, options_.dropout, dropout_key_);
      }
    }
    if (training_ && options_.dropout > 0) ++dropout_key_.step;
    return {options_.batch_first ? permute(y, {1, 0, 2}) : y, joined(last)};
  }

  /// Zeros for a batch. Shapes: (D·L, B, H).
  State initial_state(index_t batch) const {
    return map_state(cells_.front().initial_state(batch), [&](const Variable<T>& v) {
      return Variable<T>(v.shape().inserted(0, static_cast<index_t>(cells_.size())), T{0});
    });
  }

  const RecurrentOptions& options() const { return options_; }
  int directions() const { return options_.bidirectional ? 2 : 1; }
  index_t hidden_size() const { return cells_.front().hidden_size(); }
  /// What one direction puts out at each step: the hidden size but for projections and fed-back outputs.
  index_t output_size() const { return output_of(cells_.front().initial_state(1)).shape().back(0); }
  /// The cell of a layer and direction.
  Cell& cell(int layer, int direction = 0) {
    return cells_.at(static_cast<std::size_t>(layer * directions() + direction));
  }

  /// One step of the stack: what its matrices multiply, and the numbers of its state.
  index_t state_size() const {
    index_t size = 0;
    State zero = initial_state(1);
    detail::visit_state(zero, [&](std::string_view, Variable<T>& v) { size += v.size(); });
    return size;
  }

  template <class V>
  void visit(V&& v) {
    for (std::size_t k = 0; k < cells_.size(); ++k) {
      const std::string suffix = "_l" + std::to_string(k / static_cast<std::size_t>(directions())) +
                                 (k % static_cast<std::size_t>(directions()) == 1 ? "_reverse" : "");
      cells_[k].visit([&](std::string_view name, auto& p) { v(std::string(name) + suffix, p); });
    }
    v("training", training_);
    v("dropout_key", dropout_key_);
  }

 private:
  void check_input(const Variable<T>& x) const {
    if (!x) detail::fail_empty("recurrent", 0);
    const index_t input = cells_.front().input_size();
    if (x.rank() == 3 && x.shape()[2] == input) return;
    fail<ShapeError>("recurrent: need x ({}, {}); got {}", options_.batch_first ? "B, T" : "T, B", input,
                     x.shape().str());
  }

  void check_state(State state, index_t batch) const {
    State expected = initial_state(0);
    std::vector<Shape> shapes;
    detail::visit_state(
        expected, [&](std::string_view, Variable<T>& v) { shapes.push_back(v.shape().with(1, batch)); });
    std::size_t k = 0;
    detail::visit_state(state, [&](std::string_view name, Variable<T>& v) {
      const Shape& shape = shapes[k++];
      if (!v || !(v.shape() == shape)) {
        fail<ShapeError>("recurrent: need the state's {} as {}; got {}", name, shape.str(),
                         v ? v.shape().str() : "none");
      }
    });
  }

  State layer_state(const State& state, int index) const {
    return map_state(state, [&](const Variable<T>& v) { return select(v, 0, index); });
  }

  // The states of all layers and directions, stacked member by member.
  State joined(std::vector<State>& last) const {
    std::vector<std::vector<Variable<T>>> members;
    for (State& s : last) {
      std::size_t m = 0;
      detail::visit_state(s, [&](std::string_view, Variable<T>& v) {
        if (members.size() <= m) members.emplace_back();
        members[m++].push_back(v);
      });
    }
    std::size_t m = 0;
    return map_state(last.front(), [&](const Variable<T>&) { return stack(members[m++], 0); });
  }

  std::vector<Cell> cells_;
  RecurrentOptions options_;
  bool training_ = true;
  mutable RandomKey dropout_key_;
};

template <std::invocable<index_t> Make>
Recurrent(index_t, Make, const RecurrentOptions& = {}, Generator& = default_generator())
    -> Recurrent<std::invoke_result_t<Make, index_t>>;

}  // namespace unroll
