#pragma once  // internal
/// \file What a recurrent layer does whatever its cells are: it is compiled once, with the library.

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "unroll/detail/layers/scan/loop.hpp"
#include "unroll/layers/default_generator.hpp"
#include "unroll/layers/module.hpp"
#include "unroll/layers/recurrent_options.hpp"

namespace unroll::detail {

/// All Variables of a state with their names, empty ones too.
template <class S>
std::vector<NamedParameter<state_number<S>>> named_members(S state) {
  std::vector<NamedParameter<state_number<S>>> members;
  visit_state(state, [&](const char* name, auto& v) { members.push_back({name, std::move(v)}); });
  return members;
}

/// The cells of all layers and directions, number layer · D + direction. States are lists of members.
template <class T>
class AnyCells {
 public:
  using Members = std::vector<Variable<T>>;
  virtual std::size_t count() const = 0;
  /// What a cell begins with, and what its members are called.
  virtual std::vector<NamedParameter<T>> initial_state(index_t batch) const = 0;
  /// scan with cell number k; `fresh` is what resets go back to.
  virtual AnyScanned<T> scan(std::size_t k, const Variable<T>& x, const Members& state,
                             const ScanOptions& options, Members fresh) const = 0;

 protected:
  ~AnyCells() = default;
};

/// A recurrent layer but for its cells: the stack, both directions, dropout, states.
template <class T>
class RecurrentLayers {
 public:
  using MergeFunction = std::function<Variable<T>(const Variable<T>& forward, const Variable<T>& backward)>;

  /// Replaces the merge of both directions: f (forward, backward), each (…, H), gives (…, size as before).
  void merge_with(MergeFunction f) { merge_ = std::move(f); }

  const RecurrentOptions& options() const { return options_; }
  int directions() const { return options_.bidirectional ? 2 : 1; }
  int num_layers() const { return options_.num_layers; }
  index_t input_size() const { return input_; }
  bool training() const { return training_; }

 protected:
  using Members = std::vector<Variable<T>>;
  using NamedMembers = std::vector<NamedParameter<T>>;

  RecurrentLayers() = default;
  /// Errors: UsageError for options out of range, ShapeError for a size. To be followed, once the cells are made, by start().
  RecurrentLayers(index_t input, const RecurrentOptions& options);
  void start(const AnyCells<T>& cells, Generator& rng);
  /// Errors: ShapeError for a size below 1, or so large that sizes made of it would overflow.
  static void check_size(const char* name, index_t size);

  /// `given`: the members of the state to begin with, all empty for initial_state().
  AnyScanned<T> run(const AnyCells<T>& cells, const Variable<T>& x, const NamedMembers& given,
                    const SequenceOptions& sequences) const;
  /// The inputs of cells that take several, matched to x and with time first.
  /// Errors: as matched_inputs; as run() for x.
  Members layer_inputs(std::string_view names, Members inputs) const;
  Members initial_state(const AnyCells<T>& cells, index_t batch) const;
  /// The top layer's part of h (D·L, B, H), directions merged.
  Variable<T> top(const Variable<T>& h) const;
  index_t state_size(const AnyCells<T>& cells) const;
  index_t merged_size(index_t output) const {
    return options_.merge == Merge::concat ? directions() * output : output;
  }

  /// The number of a cell.
  /// Errors: IndexError.
  std::size_t place(int layer, int direction, std::size_t cells) const;
  /// A cell's parameter as the layer calls it: weight_ih_l0, weight_ih_l0_reverse, weight_ih_l1, …
  std::string name_of(std::string_view parameter, std::size_t cell) const;
  template <class V>
  void visit_layers(V&& v) {
    for (auto& [name, value] : learned_) v(name, value);
    v("training", training_);
    v("dropout_key", dropout_key_);
  }

 private:
  bool noisy() const;
  Variable<T> layer(const AnyCells<T>& cells, int k, const Variable<T>& x, const Members& start,
                    const SequenceOptions& sequences, std::vector<Members>& last) const;
  Variable<T> dropped(const Variable<T>& y, int k) const;
  ScanOptions scan_options(const SequenceOptions& sequences, int index, bool reverse) const;
  Variable<T> merged(const Variable<T>& forward, const Variable<T>& backward) const;
  NamedMembers zeros(const AnyCells<T>& cells, index_t batch) const;
  void check_input(const AnyCells<T>& cells, const Variable<T>& x) const;
  void check_shape(const Variable<T>& x) const;
  void check_state(const AnyCells<T>& cells, const NamedMembers& given, index_t batch) const;

  RecurrentOptions options_;
  index_t input_ = 0;
  NamedMembers learned_;
  MergeFunction merge_;
  bool training_ = true;
  mutable RandomKey dropout_key_;
};

extern template class RecurrentLayers<float>;
extern template class RecurrentLayers<double>;

}  // namespace unroll::detail
