#pragma once
/// \file Cells that decode: they begin from a state of an encoder and, but for the plain one, attend to its
/// outputs at every step. As cells they run in scan.
///
/// Each is made from (input, hidden, options, rng, make), where `hidden` is the size of Cell's outputs and
/// `make` a CellMaker, and has State begin(state of Cell's stack, outputs (S, B, E) of the encoder, lengths
/// (B,)).

#include "unroll/autograd/join.hpp"
#include "unroll/layers/attention.hpp"
#include "unroll/layers/cell_stack.hpp"
#include "unroll/layers/gate_weights.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll {

struct DecoderOptions {
  index_t memory = 0;                                ///< E, the size of the encoder's outputs
  AttentionKind attention = AttentionKind::general;  ///< the score function
  index_t attention_size = 0;                        ///< A, of additive and scaled_dot; 0: the hidden size
  int num_layers = 1;                                ///< cells, one above the other
  double dropout = 0;                                ///< between layers, in training
};

/// What:   a stack of cells without attention: all it knows of the source is the state it begins from.
/// Source: Sutskever, Vinyals, Le 2014.
template <class Cell>
struct PlainDecoder : CellStack<Cell> {
  using T = typename CellStack<Cell>::T;
  using State = typename CellStack<Cell>::State;
  PlainDecoder() = default;
  PlainDecoder(index_t input, index_t hidden, const DecoderOptions& options = {},
               Generator& rng = default_generator(), const CellMaker<Cell>& make = {})
      : CellStack<Cell>(input, hidden, options.num_layers, options.dropout, rng, make) {}
  /// Its cells.
  const CellStack<Cell>& stack() const { return *this; }
  /// The state before the first step, from the encoder's last.
  State begin(const State& state, const Variable<T>&, const Indices&) const { return state; }
};

namespace detail {
/// The size of two inputs side by side.
/// Errors: ShapeError for a size out of range.
inline index_t joined_size(index_t a, index_t b) {
  check_sizes({{"input", a}, {"what is joined to it", b}});
  return a + b;
}
}  // namespace detail

/// The state of a decoder that attends.
/// Shapes: h (B, H), the attentional vector, which is the output; weights (B, S) of the step before.
template <class T, class S>
struct AttendingState {
  Variable<T> h;
  S cell;                     ///< of the cells
  AttentionMemory<T> memory;  ///< in the state, so that it follows the rows that end or are chosen
  Variable<T> weights;

  template <class V>
  void visit(V&& v) {
    v("h", h);
    detail::visit_state(cell, v);
    memory.visit(v);
    v("weights", weights);
  }
};

/// What decoders that attend have in common: h̃ = tanh(W_c [c; h]) and its parameters.
/// Shapes: weight_context (H, E) and weight_hidden (H, H) are the columns of W_c.
template <class Cell>
struct AttendingDecoder {
  using value_type = CellNumber<Cell>;
  using T = value_type;
  using State = AttendingState<T, typename CellStack<Cell>::State>;
  CellStack<Cell> cell;    ///< what is run before the attention
  Attention<T> attention;  ///< on the encoder's outputs
  Variable<T> weight_context, weight_hidden;

  bool row_wise() const requires RowWise<CellStack<Cell>> { return cell.row_wise(); }
  index_t hidden_size() const { return weight_hidden.shape()[0]; }
  /// Its cells.
  const CellStack<Cell>& stack() const { return cell; }
  /// The state before the first step, from the encoder's last and what it put out.
  State begin(const typename CellStack<Cell>::State& state, const Variable<T>& outputs,
              const Indices& lengths) const {
    auto memory = attention.memory(outputs, lengths);
    return {Variable<T>({outputs.shape()[1], hidden_size()}, T{0}), state, memory,
            Variable<T>(memory.mask.shape(), T{0})};
  }
  template <class V>
  void visit(V&& v) {
    v("cell", cell);
    v("attention", attention);
    v("weight_context", weight_context);
    v("weight_hidden", weight_hidden);
  }

 protected:
  AttendingDecoder() = default;
  AttendingDecoder(index_t input, index_t hidden, const DecoderOptions& o, Generator& rng,
                   const CellMaker<Cell>& make)
      : cell(input, hidden, o.num_layers, o.dropout, rng, make),
        attention(o.attention, {.query = hidden, .memory = o.memory, .hidden = o.attention_size}, rng) {
    const index_t joined = detail::joined_size(o.memory, hidden);
    weight_context = detail::draw<T>({hidden, o.memory}, joined, rng);
    weight_hidden = detail::draw<T>({hidden, hidden}, joined, rng);
  }
  /// h̃ from the context c and the hidden state h.
  Variable<T> attentional(const Variable<T>& c, const Variable<T>& h) const {
    return tanh(linear(c, weight_context) + linear(h, weight_hidden));
  }
};

/// A decoder that attends after its step.
/// What:   h = step(x, h);  c = attend(h);  h̃ = tanh(W_c [c; h]). Nothing of it is fed back.
/// Source: Luong, Pham, Manning 2015, global attention.
template <class Cell>
struct LuongDecoder : AttendingDecoder<Cell> {
  using T = typename AttendingDecoder<Cell>::T;
  using State = typename AttendingDecoder<Cell>::State;
  LuongDecoder() = default;
  LuongDecoder(index_t input, index_t hidden, const DecoderOptions& options,
               Generator& rng = default_generator(), const CellMaker<Cell>& make = {})
      : AttendingDecoder<Cell>(input, hidden, options, rng, make) {}

  Variable<T> project(const Variable<T>& x) const { return this->cell.project(x); }
  State step(const Variable<T>& x, const State& before) const {
    auto s = this->cell.step(x, before.cell);
    auto [c, weights] = this->attention(output_of(s), before.memory);
    Variable h = this->attentional(c, output_of(s));
    return {h, s, before.memory, weights};
  }

  /// The output of scan(*this, xs, state, options), but undefined beyond the lengths: since nothing is fed
  /// back, all steps attend at once.
  /// Shapes: xs (T, B, I) → (T, B, H).
  Variable<T> outputs(const Variable<T>& xs, const State& state, const ScanOptions& options = {}) const {
    const Variable<T> h = scan(this->cell, xs, state.cell, options).output;
    const Variable<T> c = this->attention(permute(h, {1, 0, 2}), state.memory).context;
    return this->attentional(permute(c, {1, 0, 2}), h);
  }
};

/// A decoder that feeds what it attended to back as input.
/// What:   h = step([x; h̃], h);  c = attend(h);  h̃ = tanh(W_c [c; h]).
/// Source: Luong, Pham, Manning 2015, section 3.3, the input-feeding approach.
template <class Cell>
struct InputFeedingDecoder : AttendingDecoder<Cell> {
  using T = typename AttendingDecoder<Cell>::T;
  using State = typename AttendingDecoder<Cell>::State;
  InputFeedingDecoder() = default;
  InputFeedingDecoder(index_t input, index_t hidden, const DecoderOptions& options,
                      Generator& rng = default_generator(), const CellMaker<Cell>& make = {})
      : AttendingDecoder<Cell>(detail::joined_size(input, hidden), hidden, options, rng, make) {}

  State step(const Variable<T>& x, const State& before) const {
    auto s = this->cell.step(this->cell.project(concat<T>({x, before.h}, -1)), before.cell);
    auto [c, weights] = this->attention(output_of(s), before.memory);
    Variable h = this->attentional(c, output_of(s));
    return {h, s, before.memory, weights};
  }
};

/// A decoder that attends before its step.
/// What:   c = attend(h);  h = step([x; c], h);  h̃ = tanh(W_c [c; h]).
/// Source: Bahdanau, Cho, Bengio 2015, with h̃ in place of their maxout layer over h, x and c.
template <class Cell>
struct BahdanauDecoder : AttendingDecoder<Cell> {
  using T = typename AttendingDecoder<Cell>::T;
  using State = typename AttendingDecoder<Cell>::State;
  BahdanauDecoder() = default;
  BahdanauDecoder(index_t input, index_t hidden, const DecoderOptions& options,
                  Generator& rng = default_generator(), const CellMaker<Cell>& make = {})
      : AttendingDecoder<Cell>(detail::joined_size(input, options.memory), hidden, options, rng, make) {}

  State step(const Variable<T>& x, const State& before) const {
    auto [c, weights] = this->attention(output_of(before.cell), before.memory);
    auto s = this->cell.step(this->cell.project(concat<T>({x, c}, -1)), before.cell);
    Variable h = this->attentional(c, output_of(s));
    return {h, s, before.memory, weights};
  }
};

}  // namespace unroll
