#pragma once  // internal
/// \file The loops of linear_recurrence: h_t = a_t h_{t−1} + b_t and the way back, over a block of columns.

#include <array>
#include <cstdint>
#include <vector>

#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/ops/recurrence_rows.hpp"
#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll::detail {

/// The steps of a recurrence over arrays (T, R, C).
struct RecurrenceGrid {
  index_t steps = 0, rows = 0, cols = 0;
  bool reverse = false;
  std::vector<RowStart> starts = {};  ///< (T, R); empty: given at first, goes_on after that

  index_t time(index_t k) const { return reverse ? steps - 1 - k : k; }
  RowStart start(index_t k, index_t r) const {
    if (starts.empty()) return k == 0 ? RowStart::given : RowStart::goes_on;
    return starts[static_cast<std::size_t>(time(k) * rows + r)];
  }
};

/// An array whose element (t, r, c) lies at data + t step + r row + c; a stride is 0 where all share it.
template <class T>
struct SequenceArray {
  T* data = nullptr;
  index_t step = 0, row = 0;
  explicit operator bool() const { return data != nullptr; }
  T* at(index_t t, index_t r, index_t c) const { return data + t * step + r * row + c; }
};

/// The N parts of each number: one, or real and imaginary.
template <class T, int N>
using Parts = std::array<T, static_cast<std::size_t>(N)>;
template <class T, int N>
using SequenceArrays = Parts<SequenceArray<T>, N>;

template <class T, int N>
Parts<T*, N> at(const SequenceArrays<T, N>& x, index_t t, index_t r, index_t c) {
  Parts<T*, N> p{};
  for (std::size_t k = 0; k < p.size(); ++k) p[k] = x[k] ? x[k].at(t, r, c) : nullptr;
  return p;
}

inline namespace UNROLL_ISA {

template <class T, int N>
UNROLL_INLINE Parts<Batch<T>, N> load_parts(const Parts<const T*, N>& p, index_t j, index_t n) {
  Parts<Batch<T>, N> x;
  for (std::size_t k = 0; k < x.size(); ++k) x[k] = p[k] ? load_block(p[k] + j, n) : Batch<T>(T{0});
  return x;
}
/// a x + y
template <class T>
UNROLL_INLINE Parts<Batch<T>, 1> multiply_add(const Parts<Batch<T>, 1>& a, const Parts<Batch<T>, 1>& x,
                                              const Parts<Batch<T>, 1>& y) {
  return {num::fma(a[0], x[0], y[0])};
}
template <class T>
UNROLL_INLINE Parts<Batch<T>, 2> multiply_add(const Parts<Batch<T>, 2>& a, const Parts<Batch<T>, 2>& x,
                                              const Parts<Batch<T>, 2>& y) {
  return {num::fma(a[0], x[0], num::fnma(a[1], x[1], y[0])),
          num::fma(a[0], x[1], num::fma(a[1], x[0], y[1]))};
}
/// ā x, where ā is the conjugate
template <class T>
UNROLL_INLINE Parts<Batch<T>, 1> times_conjugate(const Parts<Batch<T>, 1>& a, const Parts<Batch<T>, 1>& x) {
  return {a[0] * x[0]};
}
template <class T>
UNROLL_INLINE Parts<Batch<T>, 2> times_conjugate(const Parts<Batch<T>, 2>& a, const Parts<Batch<T>, 2>& x) {
  return {num::fma(a[0], x[0], a[1] * x[1]), num::fnma(a[1], x[0], a[0] * x[1])};
}

/// y where x is 0, else z.
template <class T>
UNROLL_INLINE Parts<Batch<T>, 1> where_zero(const Parts<Batch<T>, 1>& x, const Parts<Batch<T>, 1>& y,
                                            const Parts<Batch<T>, 1>& z) {
  return {num::select(num::eq(x[0], Batch<T>(T{0})), y[0], z[0])};
}
template <class T>
UNROLL_INLINE Parts<Batch<T>, 2> where_zero(const Parts<Batch<T>, 2>& x, const Parts<Batch<T>, 2>& y,
                                            const Parts<Batch<T>, 2>& z) {
  const auto zero = num::eq(num::abs(x[0]) + num::abs(x[1]), Batch<T>(T{0}));
  return {num::select(zero, y[0], z[0]), num::select(zero, y[1], z[1])};
}
/// ā g, and 0 where g is 0, whatever a is.
template <class T, std::size_t N>
UNROLL_INLINE std::array<Batch<T>, N> slope_through(const std::array<Batch<T>, N>& a,
                                                    const std::array<Batch<T>, N>& g) {
  return where_zero(g, g, times_conjugate(a, g));
}

/// h = a before + b, or b where nothing was before; where a slope of 0 meets what is not finite, `absorbs` gives b.
template <class T, int N>
void step_forward(Parts<const T*, N> a, Parts<const T*, N> before, Parts<const T*, N> b, Parts<T*, N> h,
                  index_t n, bool absorbs) {
  for_blocks<T>(
      n, [&](index_t j, index_t m) __attribute__((always_inline)) {
        auto x = load_parts<T, N>(b, j, m);
        if (before[0]) {
          const auto old = load_parts<T, N>(before, j, m);
          const auto next = multiply_add(load_parts<T, N>(a, j, m), old, x);
          x = absorbs ? where_zero(old, x, next) : next;
        }
        for (std::size_t k = 0; k < x.size(); ++k) store_block(h[k] + j, x[k], m);
      });
}

/// Writes past the caches: for arrays that are larger than these, which need not be read before they are written then.
/// Aligned as a batch is; finish_streams() before another thread reads.
template <class T>
UNROLL_INLINE void stream_block(T* p, Batch<T> x) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == 4)
    _mm512_stream_ps(p, x);
  else
    _mm512_stream_pd(p, x);
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == 4)
    _mm256_stream_ps(p, x);
  else
    _mm256_stream_pd(p, x);
#else
  x.store_unaligned(p);
#endif
}
UNROLL_INLINE void finish_streams() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}
template <class T>
UNROLL_INLINE bool can_stream(const T* p, index_t n) {
  return reinterpret_cast<std::uintptr_t>(p) % sizeof(Batch<T>) == 0 &&
         n % static_cast<index_t>(Batch<T>::size) == 0;
}

/// Where a gradient goes: null if nobody wants it.
template <class T, int N>
struct StepSink {
  Parts<T*, N> to{};
  Parts<bool, N> add{};
  Parts<bool, N> stream{};
};
template <class T, int N>
UNROLL_INLINE void write_parts(const StepSink<T, N>& sink, const Parts<Batch<T>, N>& x, index_t j,
                               index_t n) {
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (!sink.to[k]) continue;
    if (sink.stream[k])
      stream_block(sink.to[k] + j, x[k]);
    else
      write_block(sink.to[k] + j, x[k], n, sink.add[k]);
  }
}

/// g = dh + carry; db = g; da = g times before's conjugate; carry = g times a's. Where g is 0, nothing flows.
template <class T, int N>
void step_back(Parts<const T*, N> a, Parts<const T*, N> before, Parts<const T*, N> dh, T* const* carry,
               StepSink<T, N> da, StepSink<T, N> db, index_t n) {
  for_blocks<T>(
      n, [&](index_t j, index_t m) __attribute__((always_inline)) {
        auto g = load_parts<T, N>(dh, j, m);
        for (std::size_t k = 0; k < g.size(); ++k) g[k] = g[k] + load_block(carry[k] + j, m);
        write_parts(db, g, j, m);
        if (before[0]) write_parts(da, slope_through(load_parts<T, N>(before, j, m), g), j, m);
        const auto next = slope_through(load_parts<T, N>(a, j, m), g);
        for (std::size_t k = 0; k < g.size(); ++k) store_block(carry[k] + j, next[k], m);
      });
}

}  // namespace UNROLL_ISA

/// Forward over the columns [c, c + n).
template <class T, int N>
void recurrence_forward(const RecurrenceGrid& grid, const SequenceArrays<const T, N>& a,
                        const SequenceArrays<const T, N>& b, const SequenceArrays<const T, N>& h0,
                        const SequenceArrays<T, N>& h, index_t c, index_t n, bool absorbs) {
  for (index_t k = 0; k < grid.steps; ++k) {
    const index_t t = grid.time(k), before = grid.time(k - 1);
    for (index_t r = 0; r < grid.rows; ++r) {
      const RowStart start = grid.start(k, r);
      const Parts<T*, N> to = at<T, N>(h, t, r, c);
      Parts<const T*, N> from{};
      if (start == RowStart::ended) {
        for (T* p : to) std::fill_n(p, n, T{0});
        continue;
      }
      for (std::size_t p = 0; p < from.size(); ++p) {
        if (start == RowStart::given) from[p] = h0[p].at(0, r, c);
        if (start == RowStart::goes_on) from[p] = h[p].at(before, r, c);
      }
      step_forward<T, N>(at<const T, N>(a, t, r, c), from, at<const T, N>(b, t, r, c), to, n, absorbs);
    }
  }
}

}  // namespace unroll::detail
