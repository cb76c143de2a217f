#include "unroll/detail/autograd/fused/walk.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/fused/simd.hpp"

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

  void read(const T* from, index_t n) {
#ifdef UNROLL_MASKED_LOADS
    load_part(from, n).store_aligned(block);
#else
    std::fill(std::copy_n(from, n, block), block + widest<T>, T{0});
#endif
  }
  void write(T* to, index_t n, bool add) const {
#ifdef UNROLL_MASKED_LOADS
    const Batch<T> x = Batch<T>::load_aligned(block);
    store_part(to, add ? load_part(to, n) + x : x, n);
#else
    store_or_add<T>(to, n, add, block);
#endif
  }
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

/// Where the gradients of a walk go. What many elements of the walk share is summed apart: a few rows in T, those
/// sums in double.
template <class T>
class WalkSinks {
 public:
  WalkSinks(int inputs, Tensor<T>* const* tensors, const Shape& shape, const Sink<T>* sinks)
      : inputs_(inputs), tensors_(tensors), sinks_(sinks) {
    index_t size = 0;
    for (int k = 0; k < inputs; ++k) {
      to_[k].data = nullptr;
      const index_t own = tensors[k]->shape.size();
      wide_[k] = sinks[k].data && sizeof(T) < sizeof(double) && shape.size() > chain_terms * own;
      sums_begin_[k] = size;
      if (wide_[k]) size += own;
    }
    sums_.resize(static_cast<std::size_t>(size), 0.0);
  }

  /// How the lane of a sink is to be planned.
  Layout layout(int k) const {
    const Shape& own = tensors_[k]->shape;
    if (wide_[k]) return {&own, own.size(), own.size()};
    const GradSlot<T> slot = grad_layout(*tensors_[k]);
    return {&own, slot.run, slot.pitch};
  }
  /// Once the walk is planned.
  void begin(const Loop& loop, const Lane* lanes) {
    loop_ = &loop, lanes_ = lanes;
    index_t size = 0;
    each([&](int k) {
      if (sums_row(k)) {
        to_[k] = {blocks_[k].block, 0, true};
      } else {
        to_[k] = {nullptr, -1, wide_[k] || sinks_[k].add};
      }
      chain_begin_[k] = size;
      if (wide_[k] && !sums_row(k)) size += loop.cols;
    });
    chains_.resize(static_cast<std::size_t>(size), T{0});
  }
  /// The longest piece of a row to be done at a time.
  index_t stretch() const {
    bool sums = false;
    each([&](int k) { sums = sums || sums_row(k); });
    return sums ? chain_terms * widest<T> : std::max<index_t>(loop_->cols, 1);
  }
  void move_to(const index_t* index, index_t r) {
    each([&](int k) {
      if (sums_row(k)) {
        totals_[k] = 0;
        std::fill_n(blocks_[k].block, widest<T>, T{0});
      } else {
        to_[k].data = wide_[k] ? chains_.data() + chain_begin_[k] : sinks_[k].data + offset(k, index, r);
      }
    });
  }
  const Sink<T>* to() const { return to_; }
  /// Behind `columns` columns of the row, which went to to().
  void move_on(index_t columns, index_t width) {
    each([&](int k) {
      if (!sums_row(k)) {
        to_[k].data += columns;
        return;
      }
      totals_[k] += static_cast<double>(sum_block(blocks_[k].block, width));
      std::fill_n(blocks_[k].block, widest<T>, T{0});
    });
  }
  void end_row(const index_t* index, index_t r) {
    each([&](int k) {
      const index_t at = offset(k, index, r);
      if (wide_[k]) {
        add_to_sums(k, sums_.data() + sums_begin_[k] + at, r);
      } else if (sums_row(k)) {  // without `add` it is not a sum: columns of one element
        T& sum = sinks_[k].data[at];
        sum = static_cast<T>(sinks_[k].add ? static_cast<double>(sum) + totals_[k] : totals_[k]);
      }
    });
  }
  /// What was summed apart, at the end.
  void write() const {
    each([&](int k) {
      if (!wide_[k]) return;
      const index_t size = tensors_[k]->shape.size();
      const GradSlot<T> slot = grad_layout(*tensors_[k]);
      for_runs(size, slot.run, slot.pitch, size, size, [&](index_t at, index_t begin, index_t n) {
        const double* const from = sums_.data() + sums_begin_[k] + begin;
        store_or_add(sinks_[k].data + at, n, sinks_[k].add,
                     [=](index_t j) { return static_cast<T>(from[j]); });
      });
    });
  }

 private:
  template <class F>
  void each(F&& f) const {
    for (int k = 0; k < inputs_; ++k)
      if (sinks_[k].data) f(k);
  }
  // Whether all columns of a row go to one element.
  bool sums_row(int k) const { return lanes_[k].mask == 0; }
  index_t offset(int k, const index_t* index, index_t r) const {
    return outer_offset(*loop_, lanes_[k], index) + r * lanes_[k].row;
  }
  // A row's sum; or its elements, once chain_terms rows have been added up.
  void add_to_sums(int k, double* to, index_t r) {
    if (sums_row(k)) {
      *to += totals_[k];
      return;
    }
    if (lanes_[k].row == 0 && (r + 1) % chain_terms != 0 && r + 1 != loop_->rows) return;
    T* const chain = chains_.data() + chain_begin_[k];
    for (index_t j = 0; j < loop_->cols; ++j) to[j] += static_cast<double>(chain[j]);
    std::fill_n(chain, loop_->cols, T{0});
  }

  const int inputs_;
  Tensor<T>* const* tensors_;
  const Sink<T>* sinks_;
  const Loop* loop_ = nullptr;
  const Lane* lanes_ = nullptr;
  bool wide_[max_fused_inputs];
  index_t sums_begin_[max_fused_inputs], chain_begin_[max_fused_inputs];
  PoolVector<double> sums_;
  PoolVector<T> chains_;
  Rest<T> blocks_[max_fused_inputs];
  double totals_[max_fused_inputs];
  Sink<T> to_[max_fused_inputs];
};

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
  for (int m = 0; m < code.outputs; ++m) results[m].write(out[m] + begin, end - begin, false);
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
    dx[k].write(sink, end - begin, sinks[k].add);
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
  WalkSinks<T> to(count, inputs, shape, sinks);
  for (int k = 0; k < count; ++k) {
    layouts[k] = layouts[count + k] = layout_of(*inputs[k]);
    if (sinks[k].data) layouts[count + k] = to.layout(k);
  }
  const Loop loop = plan_loop(shape, {layouts, static_cast<std::size_t>(2 * count)}, lanes);
  if (loop.cols == 0) return;
  to.begin(loop, lanes + count);
  LoopRows<T> rows(count, inputs, loop, lanes);
  const T* from[max_fused_outputs];
  std::copy_n(out_grad, code.outputs, from);
  const index_t stretch = to.stretch();
  for_slabs(loop, [&](const index_t* index) {
    for (index_t r = 0; r < loop.rows; ++r) {
      rows.move_to(index, r);
      to.move_to(index, r);
      for (index_t begin = 0; begin < loop.cols; begin += stretch) {
        const index_t columns = std::min(stretch, loop.cols - begin);
        backward_columns(code, numbers, rows.masks, rows.row, columns, from, to.to());
        to.move_on(columns, code.width);
        rows.move_on(columns);
        for (int m = 0; m < code.outputs; ++m)
          if (from[m]) from[m] += columns;
      }
      to.end_row(index, r);
    }
  });
  to.write();
}

UNROLL_COMPILE_FUNCTIONS(forward_rest, backward_rest, forward_walking, backward_walking)

}  // namespace unroll::detail
