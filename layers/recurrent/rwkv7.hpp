#pragma once
/// \file RWKV-7: its block, the cell of all its blocks, and the layer `Rwkv7 net(I, H, {.num_layers = 3});`.

#include <string>

#include "unroll/layers/dropout.hpp"
#include "unroll/layers/layer_norm.hpp"
#include "unroll/layers/rwkv7_cell.hpp"

namespace unroll {

/// What a block of RWKV-7 carries.
/// Shapes: s (B, heads, d, d), shift_time and shift_channel (B, H).
template <class T>
struct Rwkv7BlockState {
  Variable<T> s;              ///< the matrices of its time mixing
  Variable<T> shift_time;     ///< the last input of its time mixing
  Variable<T> shift_channel;  ///< the last input of its channel mixing
};
/// The state of a whole network.
template <class T>
struct Rwkv7StackState {
  Variable<T> h;                           ///< the output, (B, H)
  std::vector<Rwkv7BlockState<T>> blocks;  ///< from the bottom
  /// Shows h, and the members of each block: s_0, shift_time_0, shift_channel_0, s_1, …
  template <class V>
  void visit(V&& v) {
    v("h", h);
    for (std::size_t k = 0; k < blocks.size(); ++k) {
      const std::string number = "_" + std::to_string(k);
      v(("s" + number).c_str(), blocks[k].s);
      v(("shift_time" + number).c_str(), blocks[k].shift_time);
      v(("shift_channel" + number).c_str(), blocks[k].shift_channel);
    }
  }
};

/// A block of RWKV-7.
/// What:   u = x + time(norm₁(x));  h' = u + W_d relu(W_u (n + (n' − n) ⊙ μ))², n = norm₂(u), n' the n of the step before.
/// Shapes: x and h (B, H); time, a Rwkv7Cell; mix_channel (H,): μ; weight_up (4H, H), weight_down (H, 4H).
/// Init:   as the authors' training code: zeros in weight_down and in the time mixing's weight_out, weight_up from
///         U(−½/√H, ½/√H).
template <class T>
struct Rwkv7Block {
  using value_type = T;
  LayerNorm<T> norm_time, norm_channel;
  Rwkv7Cell<T> time;  ///< the time mixing
  Variable<T> mix_channel, weight_up, weight_down;

  Rwkv7Block() = default;
  /// Errors: as Rwkv7Cell.
  Rwkv7Block(index_t hidden, const Rwkv7Options& options, const Rwkv7Depth& depth,
             Generator& rng = default_generator());

  template <class V>
  void visit(V&& v) {
    v("norm_time", norm_time), v("time", time);
    v("norm_channel", norm_channel), v("mix_channel", mix_channel);
    v("weight_up", weight_up), v("weight_down", weight_down);
  }
};

/// All blocks of RWKV-7 as one cell.
/// What:   x₀ = norm(W_in x);  x_k = block_k(x_{k−1});  h' = norm(x_L).
/// One cell and not a stack of cells, because each block reads v₁ of the same step, which the first block makes: between
/// cells there is nothing but their output. So the state of all blocks is one value, and streams, beam search and
/// checkpoints treat the network as any cell.
/// Shapes: x (B, I), h (B, H); weight_in (H, I), empty where I = H. Dropout, in training, is on what each part adds.
/// Source: as Rwkv7Cell.
template <class T>
struct Rwkv7StackCell {
  using value_type = T;
  using State = Rwkv7StackState<T>;
  static constexpr bool forward_only = true;  ///< see cell.hpp
  Variable<T> weight_in;
  LayerNorm<T> norm_in, norm_out;
  std::vector<Rwkv7Block<T>> blocks;  ///< from the bottom
  Dropout<T> dropout;

  Rwkv7StackCell() = default;
  /// Errors: as Rwkv7Cell; UsageError for a number of blocks below 1, and for a dropout outside 0 … 1.
  Rwkv7StackCell(index_t input, index_t hidden, int num_blocks, double dropout = 0,
                 const Rwkv7Options& options = {}, Generator& rng = default_generator());
  Rwkv7StackCell(index_t input, index_t hidden, bool = true, Generator& rng = default_generator())
      : Rwkv7StackCell(input, hidden, 1, 0.0, Rwkv7Options{}, rng) {}

  index_t input_size() const { return weight_in ? weight_in.shape()[1] : hidden_size(); }
  index_t hidden_size() const { return norm_out.weight.shape()[0]; }
  /// Dropout draws one mask for all rows.
  bool row_wise() const { return !(dropout.training() && dropout.p() > 0); }
  /// Zeros.
  State initial_state(index_t batch) const {
    State state{Variable<T>({batch, hidden_size()}, T{0}), {}};
    for (const Rwkv7Block<T>& block : blocks) {
      auto [h, s, shift] = block.time.initial_state(batch);
      state.blocks.push_back({std::move(s), std::move(shift), std::move(h)});
    }
    return state;
  }

  [[gnu::noinline]] State step(const Variable<T>& x, const State& state) const {
    State next = state;
    next.h = run(x, next);
    return next;
  }
  [[gnu::noinline]] Scanned<T, State> sequence(const Variable<T>& x, const State& state,
                                               const RecurrenceOptions& o) const {
    State last = state;
    Variable<T> output = run(x, last, &o);
    return {std::move(output), std::move(last)};
  }

  template <class V>
  void visit(V&& v) {
    v("weight_in", weight_in);
    v("norm_in", norm_in);
    v("blocks", blocks);
    v("norm_out", norm_out);
    v("dropout", dropout);
  }

 private:
  // One step, or with options all steps; the blocks' states become those behind it.
  Variable<T> run(const Variable<T>& x, State& state, const RecurrenceOptions* options = nullptr) const;
};

/// What:   RWKV-7, a stack of options.num_layers blocks, whose state is one value: `auto [y, state] = net(x);`, with state.h
///         (D, B, H), D = 2 if bidirectional, else 1; see Recurrent and Rwkv7StackCell. Its one cell has all blocks, so
///         net.num_layers() is 1. options.dropout is on what each part of a block adds.
/// Errors: as Recurrent and Rwkv7StackCell.
template <class T = float>
class Rwkv7 : public Recurrent<Rwkv7StackCell<T>> {
 public:
  Rwkv7() = default;
  Rwkv7(index_t input, index_t hidden, const RecurrentOptions& options = {}, const Rwkv7Options& sizes = {},
        Generator& rng = default_generator())
      : Recurrent<Rwkv7StackCell<T>>(
            input,
            [&](index_t size) {
              return Rwkv7StackCell<T>(size, hidden, options.num_layers, options.dropout, sizes, rng);
            },
            as_one_layer(options), rng) {}
  Rwkv7(index_t input, index_t hidden, const RecurrentOptions& options, Generator& rng)
      : Rwkv7(input, hidden, options, Rwkv7Options{}, rng) {}

 private:
  static RecurrentOptions as_one_layer(RecurrentOptions options) {
    options.num_layers = 1;
    options.dropout = 0;
    return options;
  }
};

UNROLL_COMPILED_CELL(Rwkv7StackCell)

}  // namespace unroll
