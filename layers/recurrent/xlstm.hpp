#pragma once
/// \file The xLSTM, a stack of mLSTM and sLSTM blocks: its cell, and the layer `Xlstm net(I, H, {.pattern = "mms"});`.

#include <string>
#include <vector>

#include "unroll/layers/xlstm_blocks.hpp"

namespace unroll {

/// The state of an XlstmCell: the output, and what the blocks carry.
template <class T>
struct XlstmState {
  Variable<T> h;                            ///< the output
  std::vector<MlstmBlockState<T>> mlstm{};  ///< of the mLSTM blocks from the bottom, without their outputs
  std::vector<SlstmBlockState<T>> slstm{};  ///< of the sLSTM blocks, likewise
  /// Shows h, then what each block carries: mlstm0_c, …, slstm0_y, …
  template <class V>
  void visit(V&& v) {
    v("h", h);
    const auto show = [&](const char* kind, auto& states) {
      for (std::size_t k = 0; k < states.size(); ++k)
        states[k].visit([&](const char* name, Variable<T>& x) {
          if (&x != &states[k].h) v((kind + std::to_string(k) + "_" + name).c_str(), x);
        });
    };
    show("mlstm", mlstm);
    show("slstm", slstm);
  }
};

/// A stack of xLSTM blocks as one cell.
/// What:   x₀ = x, or W_in x where its width is not H;  x_k = block_k(x_{k−1}), an MlstmBlock or an SlstmBlock as the pattern
///         says;  h' = norm(x_K).
/// Shapes: x (B, I), h (B, H), weight_in (H, I).
/// Source: Beck et al. 2024, xLSTM, and its code; xLSTM[7:1] is a pattern of seven m for each s.
template <class T>
struct XlstmCell {
  using value_type = T;
  using State = XlstmState<T>;
  static constexpr bool forward_only = true;  ///< as of its blocks
  Variable<T> weight_in;
  std::vector<MlstmBlock<T>> mlstm;  ///< the blocks m of the pattern, from the bottom
  std::vector<SlstmBlock<T>> slstm;  ///< the blocks s
  LayerNorm<T> norm;

  XlstmCell() = default;
  /// Errors: ShapeError for a size below 1, or where the heads do not divide H; UsageError for a pattern without letters, or
  ///         with others than m and s, and for a dropout outside 0 … 1.
  XlstmCell(index_t input, index_t hidden, const XlstmOptions& options, Generator& rng = default_generator());
  XlstmCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : XlstmCell(input, hidden, XlstmOptions{}, rng) {}

  index_t input_size() const { return weight_in ? weight_in.shape()[1] : hidden_size(); }
  index_t hidden_size() const { return norm.weight.shape()[0]; }
  /// A letter for each block.
  const std::string& pattern() const { return pattern_; }
  /// Dropout draws one mask for all rows.
  bool row_wise() const;
  /// Zeros.
  State initial_state(index_t batch) const;

  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& xs, const State& state,
                                               const RecurrenceOptions& o) const {
    Variable<T> x = weight_in ? Variable<T>(linear(xs, weight_in)) : xs;
    State after = state;
    const auto run = [&](const auto& block, auto& carried) {
      auto [y, last] = block.sequence(x, carried, o);
      x = y, carried = last;
    };
    std::size_t m = 0, s = 0;
    for (const char kind : pattern_) {
      if (kind == 'm')
        run(mlstm[m], after.mlstm[m]), ++m;
      else
        run(slstm[s], after.slstm[s]), ++s;
    }
    return {norm(x), after};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    for (std::size_t k = 0; k < mlstm.size(); ++k) v("mlstm" + std::to_string(k), mlstm[k]);
    for (std::size_t k = 0; k < slstm.size(); ++k) v("slstm" + std::to_string(k), slstm[k]);
    v("norm", norm);
  }

 private:
  std::string pattern_;
};

/// See Recurrent and XlstmCell. `auto [y, state] = net(x);`; its state is one value, whatever the blocks are.
template <class T = float>
class Xlstm : public Recurrent<XlstmCell<T>> {
 public:
  Xlstm() = default;
  /// One stack of blocks; `.num_layers` of `layers` repeats it.
  Xlstm(index_t input, index_t hidden, const XlstmOptions& options = {}, const RecurrentOptions& layers = {},
        Generator& rng = default_generator())
      : Recurrent<XlstmCell<T>>(
            input, [&](index_t size) { return XlstmCell<T>(size, hidden, options, rng); }, layers, rng) {}
};

UNROLL_COMPILED_CELL(XlstmCell)

}  // namespace unroll
