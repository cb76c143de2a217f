#pragma once
/// \file Residual blocks around any cell, and stacks of them: `ResidualStack<MinGruCell<float>> net(I, H, {.blocks = 3});`.

#include <algorithm>
#include <cmath>
#include <string>

#include "unroll/autograd/functions.hpp"
#include "unroll/layers/dropout.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/linear_layer.hpp"
#include "unroll/layers/recurrent.hpp"
#include "unroll/layers/rms_norm.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

/// What a residual block is made of beside its mixer.
struct ResidualOptions {
  double expansion =
      1;  ///< the mixer's hidden size, as a multiple of H; beyond 1 its output is projected back
  index_t feed_forward =
      0;               ///< F, the width between the projections; 0: 8/3 H, rounded up to a multiple of 16
  double dropout = 0;  ///< on what each part adds, while training
  bool norm_output = false;  ///< normalise the output as well: the last block of a stack does
};

/// The state of a block: its output, and the state of its mixer.
template <class S>
struct BlockState {
  using T = detail::state_number<S>;
  Variable<T> h;  ///< the block's output
  S mixer;        ///< what the mixer carries

  /// Shows h and the mixer's members.
  template <class V>
  void visit(V&& v) {
    v("h", h);
    detail::visit_state(
        mixer, [&](const char* name, auto& member) { v(("mixer_" + std::string(name)).c_str(), member); });
  }
};

/// A block of a deep recurrent network; a cell, whose whole sequences are run in one go where the mixer's are.
/// What:   u = x + W_o mixer(norm₁(x));  h' = u + W_d (silu(W_g n) ⊙ W_u n), n = norm₂(u); the
///         norms by the root of the mean square. With norm_output h' = norm₃ of that, as before a readout.
/// Shapes: x and h (B, H); the mixer, any cell, H → expansion · H; W_o (H, expansion · H), left out where the mixer's output
///         has width H; W_g and W_u (F, H), one matrix weight_up (2F, H); W_d (H, F). Where x has another width it is first
///         projected by weight_in (H, I).
/// Source: pre-norm residuals after Xiong et al. 2020, the gated feed-forward after Shazeer 2020, "GLU Variants".
template <class Mixer>
struct ResidualCell {
  using value_type = CellNumber<Mixer>;
  using T = value_type;
  using State = BlockState<CellState<Mixer>>;

  Variable<T> weight_in;
  RMSNorm<T> norm_mixer, norm_feed_forward, norm_output;
  Mixer mixer;
  Variable<T> weight_out, weight_up, weight_down;
  Dropout<T> dropout;

  ResidualCell() = default;
  /// With a mixer made from (input, hidden, bias, rng).
  /// Errors: ShapeError for a size below 1, UsageError for options out of range.
  ResidualCell(index_t input, index_t hidden, const ResidualOptions& options = {},
               Generator& rng = default_generator())
      : ResidualCell(
            input, hidden, [&](index_t in, index_t out) { return Mixer(in, out, true, rng); }, options, rng) {
  }
  ResidualCell(index_t input, index_t hidden, bool, Generator& rng = default_generator())
      : ResidualCell(input, hidden, ResidualOptions{}, rng) {}
  /// With the mixer that make(H, expansion · H) gives.
  template <std::invocable<index_t, index_t> Make>
  ResidualCell(index_t input, index_t hidden, Make&& make, const ResidualOptions& options = {},
               Generator& rng = default_generator())
      : norm_mixer(hidden, {.eps = 1e-6}), norm_feed_forward(hidden, {.eps = 1e-6}) {
    detail::check_sizes({{"input", input}, {"hidden", hidden}});
    if (!(options.expansion > 0 && options.feed_forward >= 0 && options.dropout >= 0 && options.dropout < 1))
      raise<UsageError>(
          "residual: need expansion > 0, feed_forward ≥ 0 and 0 ≤ dropout < 1; got {}, {} and {}",
          options.expansion, options.feed_forward, options.dropout);
    const auto draw = [&](index_t out, index_t in) {
      return Linear<T>(in, out, {.bias = false}, rng).weight;
    };
    if (input != hidden) weight_in = draw(hidden, input);
    mixer = make(hidden, std::max<index_t>(1, std::llround(options.expansion * static_cast<double>(hidden))));
    const index_t width = output_of(detail::initial_state_of(mixer, 1)).shape().back(0);
    if (width != hidden) weight_out = draw(hidden, width);
    const index_t f = options.feed_forward > 0 ? options.feed_forward : (8 * hidden + 47) / 48 * 16;
    weight_up = draw(2 * f, hidden);
    weight_down = draw(hidden, f);
    dropout = Dropout<T>(options.dropout, rng);
    if (options.norm_output) norm_output = RMSNorm<T>(hidden, {.eps = 1e-6});
  }

  index_t input_size() const { return weight_in ? weight_in.shape()[1] : hidden_size(); }
  index_t hidden_size() const { return weight_down.shape()[0]; }
  /// Zeros, and what the mixer begins with.
  State initial_state(index_t batch) const {
    return {Variable<T>({batch, hidden_size()}, T{0}), detail::initial_state_of(mixer, batch)};
  }
  /// Dropout draws one mask for all rows.
  bool row_wise() const requires RowWise<Mixer> {
    return detail::is_row_wise(mixer) && !(dropout.training() && dropout.p() > 0);
  }

  Scanned<T, State> sequence(const Variable<T>& xs, const State& state, const RecurrenceOptions& o) const {
    const Variable<T> x = weight_in ? Variable<T>(linear(xs, weight_in)) : xs;
    auto [mixed, last] = scan(mixer, norm_mixer(x), state.mixer,
                              {.reverse = o.reverse, .lengths = o.lengths, .resets = o.resets});
    if (weight_out) mixed = linear(mixed, weight_out);
    const Variable<T> u = x + dropout(mixed);
    const Variable<T> y = u + dropout(feed_forward(norm_feed_forward(u)));
    return {norm_output.weight ? norm_output(y) : y, {state.h, std::move(last)}};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("norm_mixer", norm_mixer);
    v("mixer", mixer);
    v("weight_out", weight_out);
    v("norm_feed_forward", norm_feed_forward);
    v("weight_up", weight_up);
    v("weight_down", weight_down);
    v("norm_output", norm_output);
    v("dropout", dropout);
  }

 private:
  Variable<T> feed_forward(const Variable<T>& n) const {
    auto [gate, up] = chunk<2>(Variable<T>(linear(n, weight_up)));
    return linear(Variable<T>(silu(gate) * up), weight_down);
  }
};

/// Residual blocks one on another; see Recurrent. The state of all is one value, as any stack's. The last block
/// normalises its output, for a sum of many parts is no input for a readout.
template <class Mixer>
class ResidualStack : public Recurrent<ResidualCell<Mixer>> {
 public:
  ResidualStack() = default;
  /// Blocks of `hidden` units, `options.num_layers` of them.
  ResidualStack(index_t input, index_t hidden, const RecurrentOptions& options = {},
                const ResidualOptions& block = {}, Generator& rng = default_generator())
      : Recurrent<ResidualCell<Mixer>>(
            input,
            [&, made = index_t{0}](index_t in) mutable {
              ResidualOptions own = block;
              own.norm_output = ++made == options.num_layers;
              return ResidualCell<Mixer>(in, hidden, own, rng);
            },
            options, rng) {}
};

}  // namespace unroll
