#pragma once
/// \file The loops behind fused expressions: a tree is evaluated block by block, and its adjoints in a
/// second loop that recomputes the values in registers.

#include <array>

#include "autograd/fused_tree.hpp"
#include "autograd/loop.hpp"

#if defined(__GNUC__) && !defined(__clang__)
// False alarms of gcc 12 in its own intrinsics (bug 105593), and in what is inlined here: all, by
// UNROLL_FLATTEN.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#endif

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// Masks of lanes (loop.hpp) that all walk along the columns.
template <int L>
inline constexpr auto all_along = [] {
  std::array<index_t, L + 1> masks{};
  masks.fill(-1);
  return masks;
}();

/// Where the gradient of one input goes.
template <class T>
struct Sink {
  T* data;       ///< null where no gradient is wanted
  index_t mask;  ///< of its lane
  bool add;
};

/// Calls f(rows' base offsets, slab number) for each combination of the outer axes.
template <class F>
void for_slabs(const Loop& loop, F&& f) {
  index_t index[Shape::max_rank] = {};
  index_t slab = 0;
  for (;;) {
    f(static_cast<const index_t*>(index), slab++);
    int axis = loop.outer_rank - 1;
    for (; axis >= 0; --axis) {
      if (++index[axis] < loop.outer[axis]) break;
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

inline index_t outer_offset(const Loop& loop, const Lane& lane, const index_t* index) {
  index_t offset = 0;
  for (int k = 0; k < loop.outer_rank; ++k) offset += index[k] * lane.outer[k];
  return offset;
}

/// A row's start, or a splat of the element that the row repeats.
template <class T>
UNROLL_INLINE const T* row_start(const T* base, const Lane& lane, index_t r, T* splat) {
  const T* p = base + r * lane.row;
  if (lane.mask) return p;
  for (std::size_t i = 0; i < Batch<T>::size; ++i) splat[i] = *p;
  return splat;
}

/// One row of the forward walk: `row[k]` is where input k begins in it, `to` where every output does.
template <class T, int L, class... Trees>
[[gnu::noinline]] UNROLL_FLATTEN void forward_row(const std::tuple<Trees...>& trees, const index_t* masks,
                                                  const T* const* row, index_t cols, T* const* out,
                                                  index_t to) {
  using N = Batch<T>;
  constexpr index_t width = N::size;
  N x[L + 1];
  index_t j = 0;
  for (; j + width <= cols; j += width) {
    for (int k = 0; k < L; ++k) x[k] = N::load_unaligned(row[k] + (j & masks[k]));
    [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
      (eval<0>(std::get<M>(trees), x).v.store_unaligned(out[M] + to + j), ...);
    }
    (std::index_sequence_for<Trees...>{});
  }
  if (const index_t n = cols - j; n > 0) {
    for (int k = 0; k < L; ++k) x[k] = load_part(row[k] + (j & masks[k]), n);
    [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
      (store_part(out[M] + to + j, eval<0>(std::get<M>(trees), x).v, n), ...);
    }
    (std::index_sequence_for<Trees...>{});
  }
}

template <class T, int L, class... Trees>
void fused_forward(const std::tuple<Trees...>& trees, const T* const* in, const index_t* masks,
                   const Lane* lanes, const Loop& loop, T* const* out) {
  if (loop.cols == 0) return;  // not even the element that a row repeats need exist
  const T* row[L + 1];
  alignas(64) T splat[L + 1][Batch<T>::size];
  for_slabs(loop, [&](const index_t* index, index_t slab) {
    for (index_t r = 0; r < loop.rows; ++r) {
      for (int k = 0; k < L; ++k)
        row[k] = row_start(in[k] + outer_offset(loop, lanes[k], index), lanes[k], r, splat[k]);
      forward_row<T, L>(trees, masks, row, loop.cols, out, (slab * loop.rows + r) * loop.cols);
    }
  });
}

// One block of the backward walk: the adjoints of all inputs from those of the outputs.
template <class T, int L, class... Trees>
UNROLL_INLINE void fused_adjoints(const std::tuple<Trees...>& trees, const Batch<T>* x, const Batch<T>* dy,
                                  Batch<T>* adjoints) {
  for (int k = 0; k < L; ++k) adjoints[k] = Batch<T>(T{0});
  [&]<std::size_t... M>(std::index_sequence<M...>) __attribute__((always_inline)) {
    (push<0>(std::get<M>(trees), eval<0>(std::get<M>(trees), x), dy[M], dy[M], adjoints), ...);
  }
  (std::index_sequence_for<Trees...>{});
}

/// A stretch of a row of the backward walk. Sums over a repeated element are collected in `sums`.
template <class T, int L, class... Trees>
[[gnu::noinline]] UNROLL_FLATTEN void backward_row(const std::tuple<Trees...>& trees, const index_t* masks,
                                                   const T* const* row, index_t begin, index_t end,
                                                   const T* const* out_grad, index_t from,
                                                   const Sink<T>* sinks, T* const* sink,
                                                   T (*sums)[Batch<T>::size]) {
  using N = Batch<T>;
  constexpr index_t width = N::size;
  constexpr int outputs = sizeof...(Trees);
  N x[L + 1], dy[outputs], adjoints[L + 1];
  index_t j = begin;
  for (; j + width <= end; j += width) {
    for (int k = 0; k < L; ++k) x[k] = N::load_unaligned(row[k] + (j & masks[k]));
    for (int m = 0; m < outputs; ++m)
      dy[m] = out_grad[m] ? N::load_unaligned(out_grad[m] + from + j) : N(T{0});
    fused_adjoints<T, L>(trees, x, dy, adjoints);
    for (int k = 0; k < L; ++k) {
      if (!sinks[k].data) continue;
      T* p = sinks[k].mask ? sink[k] + j : sums[k];
      if (sinks[k].add || !sinks[k].mask) adjoints[k] += N::load_unaligned(p);
      adjoints[k].store_unaligned(p);
    }
  }
  if (const index_t n = end - j; n > 0) {
    for (int k = 0; k < L; ++k) x[k] = load_part(row[k] + (j & masks[k]), n);
    for (int m = 0; m < outputs; ++m) dy[m] = out_grad[m] ? load_part(out_grad[m] + from + j, n) : N(T{0});
    fused_adjoints<T, L>(trees, x, dy, adjoints);
    for (int k = 0; k < L; ++k) {
      if (!sinks[k].data) continue;
      T* p = sinks[k].mask ? sink[k] + j : sums[k];
      if (sinks[k].add || !sinks[k].mask) adjoints[k] += load_part(p, n);
      store_part(p, adjoints[k], n);
    }
  }
}

template <class T, int L, class... Trees>
void fused_backward(const std::tuple<Trees...>& trees, const T* const* in, const index_t* masks,
                    const Lane* lanes, const Loop& loop, const T* const* out_grad, const Sink<T>* sinks,
                    const Lane* sink_lanes) {
  if (loop.cols == 0) return;
  using N = Batch<T>;
  const T* row[L + 1];
  T* sink[L + 1];
  // Sums over a repeated element are flushed often: one long float sum would drift.
  constexpr index_t stretch = 4096;
  alignas(64) T splat[L + 1][N::size];
  alignas(64) T sums[L + 1][N::size];
  double totals[L + 1];
  for_slabs(loop, [&](const index_t* index, index_t slab) {
    for (index_t r = 0; r < loop.rows; ++r) {
      for (int k = 0; k < L; ++k) {
        row[k] = row_start(in[k] + outer_offset(loop, lanes[k], index), lanes[k], r, splat[k]);
        if (!sinks[k].data) continue;
        sink[k] = sinks[k].data + outer_offset(loop, sink_lanes[k], index) + r * sink_lanes[k].row;
        totals[k] = 0;
      }
      for (index_t begin = 0; begin < loop.cols; begin += stretch) {
        for (int k = 0; k < L; ++k)
          if (!sinks[k].mask) std::fill_n(sums[k], N::size, T{0});
        backward_row<T, L>(trees, masks, row, begin, std::min(begin + stretch, loop.cols), out_grad,
                           (slab * loop.rows + r) * loop.cols, sinks, sink, sums);
        for (int k = 0; k < L; ++k)
          if (sinks[k].data && !sinks[k].mask) totals[k] += num::sum(N::load_aligned(sums[k]));
      }
      for (int k = 0; k < L; ++k) {
        if (!sinks[k].data || sinks[k].mask) continue;
        // Without `add` it is not a sum: columns of one element.
        *sink[k] = static_cast<T>(sinks[k].add ? static_cast<double>(*sink[k]) + totals[k] : totals[k]);
      }
    }
  });
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail

#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
