#include "unroll/detail/layers/recurrent/recurrent_layers.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/dropout.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/name_scope.hpp"
#include "unroll/detail/layers/base/checks.hpp"
#include "unroll/detail/layers/cells/cell_inputs.hpp"

namespace unroll::detail {
namespace {

void check(const RecurrentOptions& o) {
  check_num_layers("recurrent", o.num_layers);
  if (!(o.dropout >= 0 && o.dropout < 1))
    raise<UsageError>("recurrent: need 0 ≤ dropout < 1; got {}", o.dropout);
  check_noise({.dropout = o.recurrent_dropout, .zoneout = o.zoneout, .zoneout_memory = o.zoneout_memory});
}

void check_cells(std::size_t count) {
  if (count == 0) fail_empty_layer("recurrent");
}

// The part of a state (D·L, B, H) that belongs to one cell.
template <class T>
std::vector<Variable<T>> part(const std::vector<Variable<T>>& state, int index) {
  std::vector<Variable<T>> members;
  for (const Variable<T>& v : state) members.push_back(select(v, 0, index));
  return members;
}

// The states of all cells, stacked member by member.
template <class T>
std::vector<Variable<T>> joined(const std::vector<std::vector<Variable<T>>>& states) {
  std::vector<Variable<T>> members;
  for (std::size_t m = 0; m < states.front().size(); ++m) {
    std::vector<Variable<T>> all;
    for (const auto& state : states) all.push_back(state[m]);
    members.push_back(stack(all, 0));
  }
  return members;
}

}  // namespace

template <class T>
RecurrentLayers<T>::RecurrentLayers(index_t input, const RecurrentOptions& options)
    : options_(options), input_(input) {
  check(options);
  check_size("input", input);
}

template <class T>
void RecurrentLayers<T>::check_size(const char* name, index_t size) {
  if (size < 1 || size > index_t{1} << 40)
    raise<ShapeError>("recurrent: need {} from 1 to 2^40; got {}", name, size);
}

template <class T>
void RecurrentLayers<T>::start(const AnyCells<T>& cells, Generator& rng) {
  if (options_.learn_initial_state) learned_ = zeros(cells, 1);
  for (auto& [name, value] : learned_) name.insert(0, "initial_"), value.requires_grad(true);
  dropout_key_.seed = rng.below(~std::uint64_t{0});
}

template <class T>
AnyScanned<T> RecurrentLayers<T>::run(const AnyCells<T>& cells, const Variable<T>& x,
                                      const NamedMembers& given, const SequenceOptions& sequences) const {
  check_input(cells, x);
  const bool swap = options_.batch_first;
  Variable<T> y = swap ? permute(x, {1, 0, 2}) : x;
  const index_t batch = y.shape()[1];
  Members start;
  if (std::any_of(given.begin(), given.end(), [](const auto& m) { return static_cast<bool>(m.variable); })) {
    check_state(cells, given, batch);
    for (const auto& member : given) start.push_back(member.variable);
  } else {
    start = initial_state(cells, batch);
  }
  const SequenceOptions time_first = swap ? detail::time_first(sequences) : sequences;
  std::vector<Members> last;
  for (int k = 0; k < options_.num_layers; ++k) y = layer(cells, k, y, start, time_first, last);
  if (training_ && noisy()) ++dropout_key_.step;
  return {swap ? permute(y, {1, 0, 2}) : y, joined(last)};
}

template <class T>
std::vector<Variable<T>> RecurrentLayers<T>::layer_inputs(std::string_view names, Members inputs) const {
  check_shape(inputs.front());
  inputs = matched_inputs<T>("recurrent", names, std::move(inputs));
  if (options_.batch_first)
    for (Variable<T>& input : inputs) input = permute(input, {1, 0, 2});
  return inputs;
}

template <class T>
std::vector<Variable<T>> RecurrentLayers<T>::initial_state(const AnyCells<T>& cells, index_t batch) const {
  check_cells(cells.count());
  Members state;
  for (auto& member : zeros(cells, batch)) state.push_back(std::move(member.variable));
  for (std::size_t m = 0; m < learned_.size(); ++m) state[m] = state[m] + learned_[m].variable;
  return state;
}

template <class T>
Variable<T> RecurrentLayers<T>::top(const Variable<T>& h) const {
  const index_t first = h.shape()[0] - directions();
  if (directions() == 1) return select(h, 0, first);
  return merged(select(h, 0, first), select(h, 0, first + 1));
}

template <class T>
index_t RecurrentLayers<T>::state_size(const AnyCells<T>& cells) const {
  index_t size = 0;
  if (cells.count() == 0) return size;
  for (const auto& member : zeros(cells, 1)) size += member.variable.size();
  return size;
}

template <class T>
std::size_t RecurrentLayers<T>::place(int layer, int direction, std::size_t cells) const {
  if (layer < 0 || layer >= options_.num_layers || direction < 0 || direction >= directions() || cells == 0) {
    raise<IndexError>("recurrent: there is no cell at layer {}, direction {}; there are {} and {}", layer,
                      direction, cells == 0 ? 0 : options_.num_layers, directions());
  }
  return static_cast<std::size_t>(layer * directions() + direction);
}

template <class T>
std::string RecurrentLayers<T>::name_of(std::string_view parameter, std::size_t cell) const {
  const auto d = static_cast<std::size_t>(directions());
  return fmt::format("{}_l{}{}", parameter, cell / d, cell % d == 1 ? "_reverse" : "");
}

template <class T>
bool RecurrentLayers<T>::noisy() const {
  return options_.dropout > 0 || options_.recurrent_dropout > 0 || options_.zoneout > 0 ||
         options_.zoneout_memory > 0;
}

// One layer of the stack: both directions, merged, with what the options add.
template <class T>
Variable<T> RecurrentLayers<T>::layer(const AnyCells<T>& cells, int k, const Variable<T>& x,
                                      const Members& start, const SequenceOptions& sequences,
                                      std::vector<Members>& last) const {
  Members outputs;
  for (int d = 0; d < directions(); ++d) {
    const int index = k * directions() + d;
    const NameScope here("layer", k, d == 1 ? " reverse" : "");
    const ScanOptions options = scan_options(sequences, index, d == 1);
    Members fresh;
    if (sequences.resets.size() > 0) fresh = part(initial_state(cells, x.shape()[1]), index);
    auto run = cells.scan(static_cast<std::size_t>(index), x, part(start, index), options, std::move(fresh));
    outputs.push_back(std::move(run.output));
    last.push_back(std::move(run.state));
  }
  Variable<T> y = outputs.size() == 1 ? outputs[0] : merged(outputs[0], outputs[1]);
  if (options_.residual && y.shape() == x.shape())
    y = y + (k == 0 ? without_padding(x, sequences.lengths) : x);
  if (k + 1 < options_.num_layers && training_ && options_.dropout > 0) y = dropped(y, k);
  return y;
}

template <class T>
Variable<T> RecurrentLayers<T>::dropped(const Variable<T>& y, int k) const {
  dropout_key_.layer = static_cast<std::uint32_t>(k);
  if (!options_.variational) return dropout(y, options_.dropout, dropout_key_);
  const Variable<T> ones(y.shape().with(0, 1), T{1});
  return y * dropout(ones, options_.dropout, dropout_key_);
}

template <class T>
ScanOptions RecurrentLayers<T>::scan_options(const SequenceOptions& s, int index, bool reverse) const {
  ScanOptions options{
      .reverse = reverse, .lengths = s.lengths, .resets = s.resets, .segment = s.segment, .memory = s.memory};
  options.noise = {.dropout = options_.recurrent_dropout,
                   .zoneout = options_.zoneout,
                   .zoneout_memory = options_.zoneout_memory,
                   .key = dropout_key_,
                   .training = training_};
  options.noise.key.layer = static_cast<std::uint32_t>(index);
  return options;
}

template <class T>
Variable<T> RecurrentLayers<T>::merged(const Variable<T>& forward, const Variable<T>& backward) const {
  return merge_ ? merge_(forward, backward) : merge_directions(options_.merge, forward, backward);
}

// Shapes: (D·L, B, H) for each member.
template <class T>
std::vector<NamedParameter<T>> RecurrentLayers<T>::zeros(const AnyCells<T>& cells, index_t batch) const {
  NamedMembers members = cells.initial_state(batch);
  for (auto& [name, value] : members)
    value = Variable<T>(value.shape().inserted(0, static_cast<index_t>(cells.count())), T{0});
  return members;
}

template <class T>
void RecurrentLayers<T>::check_input(const AnyCells<T>& cells, const Variable<T>& x) const {
  check_cells(cells.count());
  check_shape(x);
}

template <class T>
void RecurrentLayers<T>::check_shape(const Variable<T>& x) const {
  if (!x) fail_empty("recurrent", 0);
  if (x.rank() == 3 && x.shape()[2] == input_) return;
  raise<ShapeError>("recurrent: need x ({}, {}); got {}", options_.batch_first ? "B, T" : "T, B", input_,
                    x.shape().str());
}

template <class T>
void RecurrentLayers<T>::check_state(const AnyCells<T>& cells, const NamedMembers& given,
                                     index_t batch) const {
  const NamedMembers expected = zeros(cells, batch);
  if (given.size() != expected.size())
    raise<ShapeError>("recurrent: need a state of {} members; got {}", expected.size(), given.size());
  for (std::size_t m = 0; m < given.size(); ++m) {
    const Variable<T>& v = given[m].variable;
    const Shape& shape = expected[m].variable.shape();
    if (v && v.shape() == shape) continue;
    raise<ShapeError>("recurrent: need the state's {} as {}; got {}", given[m].name, shape.str(),
                      v ? v.shape().str() : "none");
  }
}

UNROLL_COMPILE_TYPES(class RecurrentLayers)

}  // namespace unroll::detail
