#pragma once  // internal
/// \file Kernels over the rows of a matrix, a batch of elements at a time.

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/fused/simd_exp.hpp"

namespace unroll::detail {

/// The exponent of a power of two near the largest |x|, by which x can be divided so that squares neither overflow nor
/// vanish; nothing where x is 0 throughout or not finite.
template <class T>
std::optional<int> common_exponent(const T* x, index_t n) {
  T most{0};
  for (index_t j = 0; j < n; ++j) {
    if (!std::isfinite(x[j])) return {};
    most = std::max(most, std::abs(x[j]));
  }
  if (most == T{0}) return {};
  constexpr int bound =
      std::numeric_limits<T>::max_exponent - 2;  // 2 to this or its negative is a normal number
  return std::clamp(std::ilogb(most), -bound, bound);
}

inline namespace UNROLL_ISA {

/// Calls f(first, n) for each batch of a row; n is the batch's width but perhaps for the last.
template <class T, class F>
UNROLL_INLINE void for_blocks(index_t cols, F&& f) {
  constexpr index_t width = Batch<T>::size;
  index_t j = 0;
  for (; j + width <= cols; j += width) f(j, width);
  if (j < cols) f(j, cols - j);
}

/// n elements; the other lanes are 0.
template <class T>
UNROLL_INLINE Batch<T> load_block(const T* p, index_t n) {
  return n == static_cast<index_t>(Batch<T>::size) ? Batch<T>::load_unaligned(p) : load_part(p, n);
}
/// n elements; the other lanes are `rest`.
template <class T>
UNROLL_INLINE Batch<T> load_block(const T* p, index_t n, T rest) {
  if (n == static_cast<index_t>(Batch<T>::size)) return Batch<T>::load_unaligned(p);
  alignas(64) static constexpr T lanes[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const Batch<T> number = Batch<T>::load_aligned(lanes);
  return num::select(num::gt(Batch<T>(static_cast<T>(n)), number), load_part(p, n), Batch<T>(rest));
}
template <class T>
UNROLL_INLINE void store_block(T* p, Batch<T> x, index_t n) {
  if (n == static_cast<index_t>(Batch<T>::size)) {
    x.store_unaligned(p);
  } else {
    store_part(p, x, n);
  }
}
/// Stores or adds a gradient.
template <class T>
UNROLL_INLINE void write_block(T* p, Batch<T> x, index_t n, bool add) {
  store_block(p, add ? x + load_block(p, n) : x, n);
}

/// Σ of the batches f(first, n), whose lanes beyond n must be 0: chains of chain_terms in each lane, summed in double.
/// There are four of them, since each addition to one waits for the one before.
template <class T, class F>
UNROLL_INLINE double wide_sum_blocks(index_t cols, F&& f) {
  constexpr index_t width = Batch<T>::size, stretch = 4 * width * chain_terms;
  double total = 0;
  for (index_t begin = 0; begin < cols; begin += stretch) {
    const index_t end = cols - begin < stretch ? cols : begin + stretch;
    Batch<T> sums[4] = {Batch<T>(T{0}), Batch<T>(T{0}), Batch<T>(T{0}), Batch<T>(T{0})};
    index_t j = begin;
    for (; j + 4 * width <= end; j += 4 * width)
      for (int p = 0; p < 4; ++p) sums[p] += f(j + p * width, width);
    for_blocks<T>(
        end - j, [&](index_t i, index_t n) __attribute__((always_inline)) { sums[0] += f(j + i, n); });
    total += static_cast<double>(num::sum((sums[0] + sums[1]) + (sums[2] + sums[3])));
  }
  return total;
}
template <class T, class F>
UNROLL_INLINE T sum_blocks(index_t cols, F&& f) {
  return static_cast<T>(wide_sum_blocks<T>(cols, f));
}

template <class T>
UNROLL_INLINE T largest_lane(Batch<T> x) {
#ifdef UNROLL_MASKED_LOADS
  if constexpr (sizeof(T) == 4) {
    return _mm512_reduce_max_ps(x);
  } else {
    return _mm512_reduce_max_pd(x);
  }
#else
  alignas(64) T lanes[Batch<T>::size];
  x.store_aligned(lanes);
  return *std::max_element(lanes, lanes + Batch<T>::size);
#endif
}

/// What to subtract before exp: the largest element; 0 where there is none above −∞. NaN is passed over: it
/// shows in the sum.
template <class T>
UNROLL_INLINE T exp_shift(const T* x, index_t cols) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  Batch<T> most(lowest);
  for_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> v = load_block(x + j, n, lowest);
        most = num::select(num::gt(v, most), v, most);
      });
  const T shift = largest_lane(most);
  return shift == lowest ? T{0} : shift;
}

/// Σ exp(x − shift).
template <class T>
UNROLL_INLINE T sum_exp(const T* x, index_t cols, T shift) {
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  return sum_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        return num::exp(load_block(x + j, n, lowest) - Batch<T>(shift));
      });
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
