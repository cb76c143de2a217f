#include "unroll/detail/autograd/fused/walk.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/runs.hpp"

#include <algorithm>

namespace unroll::detail {
namespace {

static_assert(2 * max_fused_inputs <= max_lanes);

/// As many elements as a block has on any processor.
template <class T>
inline constexpr index_t widest = 64 / sizeof(T);

/// The last columns of a row, fewer than a block, in a block of their own.
template <class T>
struct Rest {
  alignas(64) T block[widest<T>];

  void read(const T* from, index_t n) { std::fill(std::copy_n(from, n, block), block + widest<T>, T{0}); }
};

/// Where the inputs' rows begin, for one row of the walk after the other.
template <class T>
class LoopRows {
 public:
  LoopRows(int inputs, Tensor<T>* const* tensors, const Loop& loop, const Lane* lanes)
      : inputs_(inputs), tensors_(tensors), loop_(loop), lanes_(lanes) {
    for (int k = 0; k < inputs; ++k) masks[k] = lanes[k].mask;
  }
  /// An element that a row repeats is put into a block.
  void move_to(const index_t* index, index_t r) {
    for (int k = 0; k < inputs_; ++k) {
      row[k] = tensors_[k]->data + outer_offset(loop_, lanes_[k], index) + r * lanes_[k].row;
      if (masks[k]) continue;
      std::fill_n(splat_[k].block, widest<T>, *row[k]);
      row[k] = splat_[k].block;
    }
  }
  void move_on(index_t columns) {
    for (int k = 0; k < inputs_; ++k) row[k] += columns & masks[k];
  }

  index_t masks[max_fused_inputs];
  const T* row[max_fused_inputs];

 private:
  const int inputs_;
  Tensor<T>* const* tensors_;
  const Loop& loop_;
  const Lane* lanes_;
  Rest<T> splat_[max_fused_inputs];
};

// The sum of a block, by halves.
template <class T>
T sum_block(const T* block, index_t width) {
  T lanes[widest<T>];
  std::copy_n(block, width, lanes);
  for (index_t n = width / 2; n > 0; n /= 2)
    for (index_t i = 0; i < n; ++i) lanes[i] += lanes[i + n];
  return lanes[0];
}

}  // namespace

template <class T>
void forward_rest(const FusedCode<T>& code, const T* numbers, const index_t* masks, const T* const* row,
                  index_t begin, index_t end, T* const* out) {
  Rest<T> in[max_fused_inputs], results[max_fused_outputs];
  const T* from[max_fused_inputs];
  T* to[max_fused_outputs];
  for (int k = 0; k < code.inputs; ++k) {
    in[k].read(row[k] + (begin & masks[k]), end - begin);
    from[k] = in[k].block;
  }
  for (int m = 0; m < code.outputs; ++m) to[m] = results[m].block;
  code.forward(numbers, masks, from, code.width, to);
  for (int m = 0; m < code.outputs; ++m) std::copy_n(to[m], end - begin, out[m] + begin);
}

template <class T>
void backward_rest(const FusedCode<T>& code, const T* numbers, const index_t* masks, const T* const* row,
                   index_t begin, index_t end, const T* const* out_grad, const Sink<T>* sinks) {
  Rest<T> in[max_fused_inputs], dy[max_fused_outputs], dx[max_fused_inputs];
  const T *from[max_fused_inputs], *from_grad[max_fused_outputs];
  Sink<T> to[max_fused_inputs];
  for (int k = 0; k < code.inputs; ++k) {
    in[k].read(row[k] + (begin & masks[k]), end - begin);
    from[k] = in[k].block;
    to[k] = {sinks[k].data ? dx[k].block : nullptr, -1, false};
  }
  for (int m = 0; m < code.outputs; ++m) {
    from_grad[m] = out_grad[m] ? dy[m].block : nullptr;
    if (out_grad[m]) dy[m].read(out_grad[m] + begin, end - begin);
  }
  code.backward(numbers, masks, from, code.width, from_grad, to);
  for (int k = 0; k < code.inputs; ++k) {  // one after the other: they may overlap
    if (!sinks[k].data) continue;
    T* const sink = sinks[k].data + (begin & sinks[k].mask);
    store_or_add<T>(sink, end - begin, sinks[k].add, to[k].data);
  }
}

template <class T>
void forward_walking(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
                     T* const* out) {
  Layout layouts[max_fused_inputs];
  Lane lanes[max_fused_inputs];
  for (int k = 0; k < code.inputs; ++k) layouts[k] = layout_of(*inputs[k]);
  const Loop loop = plan_loop(shape, {layouts, code.inputs}, lanes);
  if (loop.cols == 0) return;  // not even the element that a row repeats need exist
  LoopRows<T> rows(code.inputs, inputs, loop, lanes);
  T* to[max_fused_outputs];
  std::copy_n(out, code.outputs, to);
  for_slabs(loop, [&](const index_t* index) {
    for (index_t r = 0; r < loop.rows; ++r) {
      rows.move_to(index, r);
      forward_columns(code, numbers, rows.masks, rows.row, loop.cols, to);
      for (int m = 0; m < code.outputs; ++m) to[m] += loop.cols;
    }
  });
}

template <class T>
void backward_walking(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs,
                      const Shape& shape, const T* const* out_grad, const Sink<T>* sinks) {
  const int count = code.inputs;
  Layout layouts[2 * max_fused_inputs];
  Lane lanes[2 * max_fused_inputs];
  for (int k = 0; k < count; ++k) {
    layouts[k] = layouts[count + k] = layout_of(*inputs[k]);
    if (!sinks[k].data) continue;
    const GradSlot<T> slot = grad_layout(*inputs[k]);
    layouts[count + k] = {&inputs[k]->shape, slot.run, slot.pitch};
  }
  const Loop loop = plan_loop(shape, {layouts, static_cast<std::size_t>(2 * count)}, lanes);
  if (loop.cols == 0) return;
  const Lane* sink_lanes = lanes + count;
  LoopRows<T> rows(count, inputs, loop, lanes);
  const T* from[max_fused_outputs];
  std::copy_n(out_grad, code.outputs, from);
  // Sums over a repeated element are flushed often: one long float sum would drift.
  constexpr index_t stretch = 4096;
  Rest<T> sums[max_fused_inputs];
  double totals[max_fused_inputs];
  Sink<T> to[max_fused_inputs];
  const auto each_sink = [&](bool sum, auto&& f) {
    for (int k = 0; k < count; ++k)
      if (sinks[k].data && (sink_lanes[k].mask == 0) == sum) f(k);
  };
  for (int k = 0; k < count; ++k) to[k].data = nullptr;
  each_sink(false, [&](int k) { to[k] = {nullptr, -1, sinks[k].add}; });
  each_sink(true, [&](int k) { to[k] = {sums[k].block, 0, true}; });
  for_slabs(loop, [&](const index_t* index) {
    const auto row_of = [&](int k, index_t r) {
      return sinks[k].data + outer_offset(loop, sink_lanes[k], index) + r * sink_lanes[k].row;
    };
    for (index_t r = 0; r < loop.rows; ++r) {
      rows.move_to(index, r);
      each_sink(false, [&](int k) { to[k].data = row_of(k, r); });
      each_sink(true, [&](int k) { totals[k] = 0; });
      for (index_t begin = 0; begin < loop.cols; begin += stretch) {
        const index_t columns = std::min(stretch, loop.cols - begin);
        each_sink(true, [&](int k) { std::fill_n(sums[k].block, code.width, T{0}); });
        backward_columns(code, numbers, rows.masks, rows.row, columns, from, to);
        each_sink(true, [&](int k) { totals[k] += sum_block(sums[k].block, code.width); });
        each_sink(false, [&](int k) { to[k].data += columns; });
        rows.move_on(columns);
        for (int m = 0; m < code.outputs; ++m)
          if (from[m]) from[m] += columns;
      }
      // Without `add` it is not a sum: columns of one element.
      each_sink(true, [&](int k) {
        T& sum = *row_of(k, r);
        sum = static_cast<T>(sinks[k].add ? static_cast<double>(sum) + totals[k] : totals[k]);
      });
    }
  });
}

UNROLL_COMPILE_FUNCTIONS(forward_rest, backward_rest, forward_walking, backward_walking)

}  // namespace unroll::detail
