#pragma once
/// \file A recurrent layer whose cell is chosen at run time: `AnyRecurrent<float> rnn = Gru(I, H);`.

#include <memory>

#include "unroll/detail/layers/recurrent/erased_recurrent.hpp"
#include "unroll/detail/layers/recurrent/refused_calls.hpp"

namespace unroll {

/// What:   a Recurrent<Cell> of any cell as one type; each does what that of the layer does.
/// A copy shares the parameters, as that of any module. Without a layer it is empty, and cannot run.
/// Errors: as the layer; UsageError where there is none, or where a state has not the layer's members.
template <class T = float>
class AnyRecurrent : public detail::RefusedCalls<T, AnyState<T>> {
 public:
  using value_type = T;
  using State = AnyState<T>;

  /// Without a layer.
  AnyRecurrent() = default;
  /// With a layer, which it shares the parameters of.
  template <class Cell>
  requires std::same_as<CellNumber<Cell>, T> AnyRecurrent(Recurrent<Cell> layer)
      : layer_(std::make_unique<detail::ErasedRecurrentOf<Cell>>(std::move(layer))) {}
  /// A copy that shares the parameters.
  AnyRecurrent(const AnyRecurrent& other) : layer_(other.layer_ ? other.layer_->copy() : nullptr) {}
  /// Leaves `other` without a layer.
  AnyRecurrent(AnyRecurrent&& other) noexcept = default;
  /// Shares the parameters of `other`, or takes its layer.
  AnyRecurrent& operator=(AnyRecurrent other) noexcept {
    layer_ = std::move(other.layer_);
    return *this;
  }
  ~AnyRecurrent() = default;

  using detail::RefusedCalls<T, AnyState<T>>::operator();
  /// All steps of x from `state`, or from initial_state(B).
  /// Shapes: x (T, B, I), output (T, B, D·H), each member of the state (D·L, B, H).
  Scanned<T, State> operator()(const Variable<T>& x, const State& state = {},
                               const SequenceOptions& sequences = {}) const {
    return layer().run(x, state, sequences);
  }
  /// The same from initial_state(B).
  template <std::same_as<SequenceOptions> Options = SequenceOptions>
  Scanned<T, State> operator()(const Variable<T>& x, const Options& sequences) const {
    return layer().run(x, State{}, sequences);
  }
  /// What a sequence begins with: zeros, or what was learned.
  /// Shapes: (D·L, B, H).
  State initial_state(index_t batch) const { return layer().initial_state(batch); }
  /// The last hidden state of the top layer over each sequence's true length, directions merged.
  /// Shapes: (B, D·H).
  Variable<T> last(const Scanned<T, State>& result) const { return layer().last(result.state); }

  /// The options that the layer was made with.
  const RecurrentOptions& options() const { return layer().base().options(); }
  /// D: 2 if bidirectional, else 1.
  int directions() const { return layer().base().directions(); }
  /// L, the number of layers.
  int num_layers() const { return layer().base().num_layers(); }
  /// Whether the layer is in training mode.
  bool training() const { return layer().base().training(); }
  /// The size of x.
  index_t input_size() const { return layer().base().input_size(); }
  /// H.
  index_t hidden_size() const { return layer().hidden_size(); }
  /// What one direction puts out at each step.
  index_t output_size() const { return layer().output_size(); }
  /// The numbers that one sequence carries from step to step; 0 without a layer.
  index_t state_size() const { return layer_ ? layer_->state_size() : 0; }
  /// Whether there is a layer.
  explicit operator bool() const { return layer_ != nullptr; }

  /// Shows the members of the layer, if there is one.
  template <class V>
  void visit(V&& v) {
    if (layer_) layer_->members().visit(v);
  }

 private:
  using Layer = detail::ErasedRecurrent<T>;

  const Layer& layer() const {
    if (!layer_) raise<UsageError>("any recurrent: there is no layer; assign one first");
    return *layer_;
  }

  std::unique_ptr<Layer> layer_;
};

/// The number type is that of the layer.
template <class Cell>
AnyRecurrent(Recurrent<Cell>) -> AnyRecurrent<CellNumber<Cell>>;

}  // namespace unroll
