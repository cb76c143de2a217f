#pragma once
/// \file A recurrent layer of any cell: stacked, in both directions, with dropout, over sequences of any
/// lengths.

#include <concepts>
#include <functional>
#include <string>
#include <vector>

#include "autograd/dropout.hpp"
#include "autograd/join.hpp"
#include "layers/cell_traits.hpp"
#include "layers/default_generator.hpp"
#include "layers/module.hpp"
#include "layers/recurrent_options.hpp"
#include "layers/scan.hpp"

namespace unroll {

/// What:   a stack of cells run over whole sequences; `auto [y, state] = rnn(x);`, `rnn(x, state)`, or
///         `rnn(x, {}, {.lengths = lengths})` for sequences that differ in length.
/// Shapes: x (T, B, I), y (T, B, D·H), each member of the state (D·L, B, H) at index layer · D + direction;
///         D = 2 if bidirectional, else 1; with a merge other than concat y is (T, B, H).
/// `Cell` needs `step(x, state)`, and to be trained visit(), which shows its parameters; what else it may
/// have and what is assumed otherwise is in cell_traits.hpp. Errors: ShapeError naming what was expected;
/// UsageError for options out of range. Source: PyTorch's nn.RNN, nn.LSTM and nn.GRU: order of states,
/// dropout, names of the parameters
///         (weight_ih_l0, …, weight_ih_l0_reverse, …).
template <class Cell>
class Recurrent {
 public:
  using value_type = detail::cell_number<Cell>;
  using T = value_type;
  using State = detail::cell_state<Cell>;
  using MergeFunction = std::function<Variable<T>(const Variable<T>& forward, const Variable<T>& backward)>;

  Recurrent() = default;
  /// For cells made from (input, hidden, bias, rng).
  Recurrent(index_t input, index_t hidden, const RecurrentOptions& options = {},
            Generator& rng = default_generator())
      : Recurrent(
            input, [&](index_t size) { return Cell(size, hidden, options.bias, rng); }, options, rng) {}
  /// For cells with constructors of their own: `make(input)` gives a cell for inputs of that size; whether
  /// it has biases is its affair.
  template <std::invocable<index_t> Make>
  Recurrent(index_t input, Make&& make, const RecurrentOptions& options = {},
            Generator& rng = default_generator())
      : options_(options), input_(input) {
    check(options);
    for (int k = 0; k < options.layers; ++k)
      for (int d = 0; d < directions(); ++d) cells_.push_back(make(k == 0 ? input : merged_size()));
    if (options.learn_initial_state)
      learned_ = map_state(zeros(1), [](Variable<T> v) { return v.requires_grad(true); });
    dropout_key_.seed = rng.below(~std::uint64_t{0});
  }

  /// All steps of x from `state`, or from initial_state(B).
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {},
                               const SequenceOptions& sequences = {}) const {
    check_input(x);
    const bool swap = options_.batch_first;
    Variable<T> y = swap ? permute(x, {1, 0, 2}) : x;
    const index_t batch = y.shape()[1];
    const State start = given(state) ? state : initial_state(batch);
    check_state(start, batch);
    const SequenceOptions time_first = swap ? detail::time_first(sequences) : sequences;
    std::vector<State> last;
    for (int k = 0; k < options_.layers; ++k) y = layer(k, y, start, time_first, last);
    if (training_ && noisy()) ++dropout_key_.step;
    return {swap ? permute(y, {1, 0, 2}) : y, joined(last)};
  }

  /// What a sequence begins with: zeros, or what was learned. Shapes: (D·L, B, H).
  State initial_state(index_t batch) const {
    if (cells_.empty()) fail<UsageError>("recurrent: the layer is empty; assign a constructed one first");
    State state = zeros(batch);
    if (!options_.learn_initial_state) return state;
    std::vector<Variable<T>> values;
    State learned = learned_;
    detail::visit_state(learned, [&](std::string_view, Variable<T>& v) { values.push_back(v); });
    std::size_t m = 0;
    return map_state(std::move(state), [&](const Variable<T>& v) { return Variable<T>(v + values[m++]); });
  }

  /// The last hidden state of the top layer over each sequence's true length, directions merged as in the
  /// output: (B, D·H). For an empty sequence it is the initial state.
  Variable<T> last(const Scanned<T, State>& result) const {
    const Variable<T>& h = output_of(result.state);
    const index_t top = h.shape()[0] - directions();
    if (directions() == 1) return select(h, 0, top);
    return merged(select(h, 0, top), select(h, 0, top + 1));
  }

  /// Replaces the merge of both directions: f (forward, backward), each (…, H), gives (…, size as before).
  void merge_with(MergeFunction f) { merge_ = std::move(f); }

  const RecurrentOptions& options() const { return options_; }
  int directions() const { return options_.bidirectional ? 2 : 1; }
  int layers() const { return options_.layers; }
  index_t input_size() const { return input_; }
  index_t hidden_size() const { return cells_.empty() ? 0 : detail::hidden_size_of(cells_.front()); }
  /// What one direction puts out at each step: the hidden size but for projections and fed-back outputs.
  index_t output_size() const {
    return cells_.empty() ? 0 : output_of(detail::initial_state_of(cells_.front(), 1)).shape().back(0);
  }
  /// The cell of a layer and direction. Errors: IndexError.
  Cell& cell(int layer, int direction = 0) { return cells_[place(layer, direction)]; }
  const Cell& cell(int layer, int direction = 0) const { return cells_[place(layer, direction)]; }
  /// The numbers that one sequence carries from step to step.
  index_t state_size() const {
    index_t size = 0;
    if (cells_.empty()) return size;
    State zero = zeros(1);
    detail::visit_state(zero, [&](std::string_view, Variable<T>& v) { size += v.size(); });
    return size;
  }
  bool training() const { return training_; }

  template <class V>
  void visit(V&& v) {
    for (std::size_t k = 0; k < cells_.size(); ++k) {
      const std::string suffix = "_l" + std::to_string(k / static_cast<std::size_t>(directions())) +
                                 (k % static_cast<std::size_t>(directions()) == 1 ? "_reverse" : "");
      detail::visit_cell(cells_[k],
                         [&](std::string_view name, auto& p) { v(std::string(name) + suffix, p); });
    }
    detail::visit_state(learned_,
                        [&](std::string_view name, Variable<T>& p) { v("initial_" + std::string(name), p); });
    v("training", training_);
    v("dropout_key", dropout_key_);
  }

 private:
  static void check(const RecurrentOptions& o) {
    if (o.layers < 1) fail<UsageError>("recurrent: need layers ≥ 1; got {}", o.layers);
    if (!(o.dropout >= 0 && o.dropout < 1))
      fail<UsageError>("recurrent: need 0 ≤ dropout < 1; got {}", o.dropout);
    detail::check_noise(
        {.dropout = o.recurrent_dropout, .zoneout = o.zoneout, .zoneout_memory = o.zoneout_memory});
  }

  static bool given(State state) {
    bool any = false;
    detail::visit_state(state, [&](std::string_view, Variable<T>& v) { any = any || v; });
    return any;
  }

  bool noisy() const {
    return options_.dropout > 0 || options_.recurrent_dropout > 0 || options_.zoneout > 0 ||
           options_.zoneout_memory > 0;
  }

  std::size_t place(int layer, int direction) const {
    if (layer < 0 || layer >= options_.layers || direction < 0 || direction >= directions() ||
        cells_.empty()) {
      fail<IndexError>("recurrent: there is no cell at layer {}, direction {}; there are {} and {}", layer,
                       direction, cells_.empty() ? 0 : options_.layers, directions());
    }
    return static_cast<std::size_t>(layer * directions() + direction);
  }

  // One layer of the stack: both directions, merged, with what the options add.
  Variable<T> layer(int k, const Variable<T>& x, const State& start, const SequenceOptions& sequences,
                    std::vector<State>& last) const {
    std::vector<Variable<T>> outputs;
    for (int d = 0; d < directions(); ++d) {
      const int index = k * directions() + d;
      const NameScope here("layer", k, d == 1 ? " reverse" : "");
      const Cell& cell = cells_[static_cast<std::size_t>(index)];
      const ScanOptions options = scan_options(sequences, index, d == 1);
      State fresh{};
      if (sequences.resets.size() > 0) fresh = layer_state(initial_state(x.shape()[1]), index);
      auto run = detail::scan_from<Cell, T, State>(cell, x, layer_state(start, index), options, &fresh);
      outputs.push_back(std::move(run.output));
      last.push_back(std::move(run.state));
    }
    Variable<T> y = outputs.size() == 1 ? outputs[0] : merged(outputs[0], outputs[1]);
    if (options_.residual && y.shape() == x.shape())
      y = y + (k == 0 ? detail::without_padding(x, sequences.lengths) : x);
    if (k + 1 < options_.layers && training_ && options_.dropout > 0) y = dropped(y, k);
    return y;
  }

  Variable<T> dropped(const Variable<T>& y, int k) const {
    dropout_key_.layer = static_cast<std::uint32_t>(k);
    if (!options_.variational) return dropout(y, options_.dropout, dropout_key_);
    const Variable<T> ones(y.shape().with(0, 1), T{1});
    return y * dropout(ones, options_.dropout, dropout_key_);
  }

  ScanOptions scan_options(const SequenceOptions& s, int index, bool reverse) const {
    ScanOptions options{.reverse = reverse,
                        .lengths = s.lengths,
                        .resets = s.resets,
                        .segment = s.segment,
                        .memory = s.memory};
    options.noise = {.dropout = options_.recurrent_dropout,
                     .zoneout = options_.zoneout,
                     .zoneout_memory = options_.zoneout_memory,
                     .key = dropout_key_,
                     .training = training_};
    options.noise.key.layer = static_cast<std::uint32_t>(index);
    return options;
  }

  Variable<T> merged(const Variable<T>& a, const Variable<T>& b) const {
    return merge_ ? merge_(a, b) : detail::merge_directions(options_.merge, a, b);
  }
  index_t merged_size() const {
    return options_.merge == Merge::concat ? directions() * output_size() : output_size();
  }

  State zeros(index_t batch) const {
    return map_state(detail::initial_state_of(cells_.front(), batch), [&](const Variable<T>& v) {
      return Variable<T>(v.shape().inserted(0, static_cast<index_t>(cells_.size())), T{0});
    });
  }

  void check_input(const Variable<T>& x) const {
    if (cells_.empty()) fail<UsageError>("recurrent: the layer is empty; assign a constructed one first");
    if (!x) detail::fail_empty("recurrent", 0);
    if (x.rank() == 3 && x.shape()[2] == input_) return;
    fail<ShapeError>("recurrent: need x ({}, {}); got {}", options_.batch_first ? "B, T" : "T, B", input_,
                     x.shape().str());
  }

  void check_state(State state, index_t batch) const {
    State expected = zeros(batch);
    std::vector<Shape> shapes;
    detail::visit_state(expected, [&](std::string_view, Variable<T>& v) { shapes.push_back(v.shape()); });
    std::size_t k = 0;
    detail::visit_state(state, [&](std::string_view name, Variable<T>& v) {
      const Shape& shape = shapes[k++];
      if (v && v.shape() == shape) return;
      fail<ShapeError>("recurrent: need the state's {} as {}; got {}", name, shape.str(),
                       v ? v.shape().str() : "none");
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
  index_t input_ = 0;
  State learned_;
  MergeFunction merge_;
  bool training_ = true;
  mutable RandomKey dropout_key_;
};

template <std::invocable<index_t> Make>
Recurrent(index_t, Make, const RecurrentOptions& = {}, Generator& = default_generator())
    -> Recurrent<std::invoke_result_t<Make, index_t>>;

}  // namespace unroll
