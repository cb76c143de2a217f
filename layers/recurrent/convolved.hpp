#pragma once
/// \file A short causal convolution before any cell: `ResidualStack<ConvolvedCell<MinGruCell<float>>> net(I, H);`.

#include <concepts>
#include <string>

#include "unroll/detail/layers/recurrent/short_convolution.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

/// The state of a ConvolvedCell.
template <class S>
struct ConvolvedState {
  using T = detail::state_number<S>;
  S mixer;                  ///< what the cell carries
  Variable<T> convolution;  ///< (B, K − 1, I), the last inputs
  /// That of the cell.
  const Variable<T>& output() const { return output_of(mixer); }
  /// Shows the cell's members, then the convolution.
  template <class V>
  void visit(V&& v) {
    detail::visit_state(mixer, [&](const char* name, auto& member) { v(name, member); });
    v("convolution", convolution);
  }
};

/// A cell that sees the last K inputs, weighed feature by feature; a cell itself, run at once where the inner one is.
/// What:   h' = mixer(c, h), c_t = b + Σ_k w_k ⊙ x_{t−K+1+k}.
/// Shapes: x (B, I); convolution.weight (I, K), of four steps if not told otherwise; the state that of the mixer and the last
///         K − 1 inputs.
/// Source: the "Conv4" before the minimal recurrent networks of Feng et al. 2024, "Were RNNs All We Needed?"; the same stands
///         in Mamba and Griffin.
template <class Mixer>
struct ConvolvedCell {
  using value_type = CellNumber<Mixer>;
  using T = value_type;
  using State = ConvolvedState<CellState<Mixer>>;
  static constexpr bool forward_only = true;  ///< the convolution looks back

  CausalConv1d<T> convolution;
  Mixer mixer;

  ConvolvedCell() = default;
  /// Errors: ShapeError for a size below 1.
  ConvolvedCell(index_t input, index_t hidden, bool bias = true, Generator& rng = default_generator())
      : ConvolvedCell(Mixer(input, hidden, bias, rng), input, 4, rng) {}
  /// Before a cell that takes `input` features, over `taps` steps.
  ConvolvedCell(Mixer cell, index_t input, index_t taps, Generator& rng = default_generator())
      : convolution(input, taps, {}, rng), mixer(std::move(cell)) {}

  index_t input_size() const { return convolution.weight.shape()[0]; }
  index_t hidden_size() const { return output_of(detail::initial_state_of(mixer, 1)).shape().back(0); }
  /// What the cell begins with, and zeros.
  State initial_state(index_t batch) const {
    return {detail::initial_state_of(mixer, batch),
            Variable<T>({batch, convolution.weight.shape()[1] - 1, input_size()}, T{0})};
  }
  /// As the cell.
  bool row_wise() const requires RowWise<Mixer> { return detail::is_row_wise(mixer); }

  Scanned<T, State> sequence(const Variable<T>& xs, const State& state, const RecurrenceOptions& o) const {
    auto [c, after] = detail::short_convolution(convolution, xs, state.convolution, o);
    auto [y, last] = scan(mixer, c, state.mixer, {.lengths = o.lengths, .resets = o.resets});
    return {std::move(y), {std::move(last), std::move(after)}};
  }

  template <class V>
  void visit(V&& v) {
    v("convolution", convolution);
    v("mixer", mixer);
  }
};

}  // namespace unroll
