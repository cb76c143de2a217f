#pragma once
/// \file The recurrent layer of a model, of any cell that layers/ has, chosen by name.

#include <map>
#include <memory>
#include <string>

#include "unroll/layers/module.hpp"
#include "unroll/layers/recurrent_options.hpp"

namespace unroll::program {

/// The members of a layer's state by name: "h", "c"; each (D·L, B, H), D being 2 in both directions, else 1.
/// Empty: zeros.
using CarriedState = std::map<std::string, Variable<float>>;

/// What a layer gives: h of the top at every step, (T, B, D·H), and the state after each sequence's end.
struct RecurrentResult {
  Variable<float> output;
  CarriedState state;
};

/// A recurrent layer as the model sees it, whatever its cell. Each cell is compiled once, in cells_*.cpp.
class RecurrentLayer {
 public:
  virtual ~RecurrentLayer() = default;
  /// A copy that shares the parameters, as that of a module.
  virtual std::unique_ptr<RecurrentLayer> copy() const = 0;
  virtual RecurrentResult run(const Variable<float>& x, const CarriedState& state,
                              const SequenceOptions& sequences) const = 0;
  virtual Variable<float> last(const CarriedState& state) const = 0;
  virtual detail::Members<float> members() = 0;
  virtual index_t output_size() const = 0;
  virtual index_t state_size() const = 0;
};

struct CellOptions {
  index_t input, hidden;
  int layers;
  double dropout, recurrent_dropout, zoneout, zoneout_memory;
  bool variational;
  bool bidirectional = false;
};

/// How a layer of a certain cell is made, and how large it is: each element of the hidden state has so many
/// weights for each element of the layer's input, and so many for each of the hidden state.
struct CellKind {
  std::unique_ptr<RecurrentLayer> (*make)(const CellOptions&, Generator&);
  double input_weights, recurrent_weights;
  double outputs = 1;  ///< for each element of the hidden state
};
using CellKinds = std::map<std::string, CellKind>;

CellKinds simple_cells();
CellKinds lstm_cells();
CellKinds gru_cells();

/// All of the above.
const CellKinds& cell_kinds();
/// Errors: UsageError for a cell that does not exist, naming those that do.
const CellKind& cell_kind(const std::string& name);
/// What --cell may be, for the help.
const std::string& cell_help();

/// A recurrent layer as a module that is copied by value.
class Recurrence {
 public:
  explicit Recurrence(std::unique_ptr<RecurrentLayer> layer) : layer_(std::move(layer)) {}
  Recurrence(const Recurrence& other) : layer_(other.layer_->copy()) {}
  Recurrence& operator=(Recurrence other) noexcept {
    layer_ = std::move(other.layer_);
    return *this;
  }

  /// Sequences of any lengths from `state` on.
  /// Shapes: x (T, B, I).
  RecurrentResult run(const Variable<float>& x, const SequenceOptions& sequences = {},
                      const CarriedState& state = {}) const {
    return layer_->run(x, state, sequences);
  }
  /// One window of a long sequence: reads `state` and replaces it by the state after the last step, cut off
  /// from the tape.
  /// Shapes: x (T, B, I) → (T, B, output_size()).
  Variable<float> operator()(const Variable<float>& x, CarriedState& state) const;
  /// The last h of the top layer, both directions side by side.
  /// Shapes: (B, output_size()).
  Variable<float> last(const CarriedState& state) const { return layer_->last(state); }
  /// Of both directions together, if there are two.
  index_t output_size() const { return layer_->output_size(); }
  index_t state_size() const { return layer_->state_size(); }

  template <class V>
  void visit(V&& v) {
    for (auto& member : layer_->members())
      std::visit(
          [&](auto& at) {
            if constexpr (std::is_pointer_v<std::decay_t<decltype(at)>>) v(member.name, *at);
          },
          member.at);
  }

 private:
  std::unique_ptr<RecurrentLayer> layer_;
};

}  // namespace unroll::program
