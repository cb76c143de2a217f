#pragma once  // internal
/// \file The register tile of the library's own products. Included by their .cpp files alone: no SIMD type
/// leaves the library.

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>
#include <utility>
#include <xsimd/xsimd.hpp>

#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::blas::kernel {

/// Sizes of the tile: R rows by P panels of W use 2 R P accumulators, 2 P registers of W and one of x.
template <class T>
struct Tile {
  using Batch = xsimd::batch<T>;
#if defined(__AVX512F__) || defined(__aarch64__)
  static constexpr bool wide_file = true;  // 32 registers
#else
  static constexpr bool wide_file = false;  // 16 registers
#endif
  static constexpr int lanes = static_cast<int>(Batch::size);
  static constexpr int cols = 2 * lanes;                // columns of one panel
  static constexpr int rows = wide_file ? 13 : 6;       // of x, with one panel at a time
  static constexpr int flat_rows = wide_file ? 6 : 2;   // of x, with two panels at a time
  static constexpr int row_panels = wide_file ? 6 : 4;  // at a time, with one row of x
};

/// One chain of multiply-adds has so many terms at most: a panel of W fills the first-level cache, and sums of many terms
/// do not drift (long_sums.hpp).
template <class T>
constexpr index_t most_inner = (index_t{1} << 15) / (Tile<T>::cols * static_cast<index_t>(sizeof(T)));
/// How many chains a sum of k terms is cut into, as even as may be: number i begins at term i * k / inner_parts.
template <class T>
constexpr index_t inner_parts(index_t k) {
  return (k + most_inner<T> - 1) / most_inner<T>;
}

/// z += x y, in one rounding where the processor can.
template <class T, class A>
void multiply_add(const xsimd::batch<T, A>& x, const xsimd::batch<T, A>& y, xsimd::batch<T, A>& z) {
#if defined(__AVX512F__)  // xsimd 8.1 leaves this to the compiler, and clang declines
  if constexpr (std::is_same_v<T, float>)
    z = _mm512_fmadd_ps(x, y, z);
  else
    z = _mm512_fmadd_pd(x, y, z);
#else
  z = xsimd::fma(x, y, z);
#endif
}

/// The same, in the register of z: gcc 12 else puts z into that of x, and moves it back later.
template <class T, class A>
void multiply_add_here(const xsimd::batch<T, A>& x, const xsimd::batch<T, A>& y, xsimd::batch<T, A>& z) {
#if defined(__FMA__) && !defined(__AVX512F__)
  if constexpr (std::is_same_v<T, float>)
    asm("vfmadd231ps %2, %1, %0" : "+x"(z.data) : "x"(x.data), "x"(y.data));
  else
    asm("vfmadd231pd %2, %1, %0" : "+x"(z.data) : "x"(x.data), "x"(y.data));
#else
  multiply_add(x, y, z);
#endif
}

constexpr int steps = 4;  ///< of k, that run_tile takes at a time

/// y = [y +] x W for one tile.
template <class T>
struct Job {
  index_t k;
  const T* x;  // R rows: element (r, i) is x[r ldx + i] if by_rows, else x[i R + r]
  index_t ldx;
  bool by_rows;
  const T* w;      // k rows of Tile<T>::cols columns
  index_t panel;   // from there to the same rows of the next panel
  const T* ahead;  // what to bring into the cache meanwhile
  index_t pace;    // elements of it for every `steps` of k; at least one cache line is fetched
  bool add;
  T* y;
  index_t ldy;
};

/// The sum of every element of y is one chain of multiply-adds over k in order, whatever R and P are: a row's bits do
/// not depend on the rows beside it. It is added to y at the end, so that a long sum can be cut into chains. Beside the multiply-adds there are as few instructions as may be: where
/// another program runs on the core's other thread, they are what the kernel waits for.
template <class T, int R, int P, bool by_rows>
void run_tile(const Job<T>& job) {
  using Batch = typename Tile<T>::Batch;
  constexpr int lanes = Tile<T>::lanes, cols = Tile<T>::cols, V = 2 * P;
  constexpr int line = 64 / sizeof(T);        // elements in one of the cache's lines
  constexpr int lines = steps * cols / line;  // in `steps` rows of a panel
  Batch acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) acc[r][v] = Batch(T(0));
  }
  // a base per three rows: [base + {0, 1, 2} ldx] are addressing modes, thirteen pointers would spill
  constexpr int groups = by_rows ? (R + 2) / 3 : 1;
  const index_t k = job.k, ldx = job.ldx, panel = job.panel, pace = job.pace;
  const T* x[groups];
#pragma GCC unroll 16
  for (int g = 0; g < groups; ++g) x[g] = job.x + 3 * g * ldx;
  const T *w = job.w, *ahead = job.ahead;
  const auto multiply = [&](int i) __attribute__((always_inline)) {
    Batch b[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v)
      b[v] = Batch::load_unaligned(w + i * cols + (v / 2) * panel + (v % 2) * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      // % groups keeps the first branch within x where it is not taken
      const Batch xr(by_rows ? x[r / 3 % groups][(r % 3) * ldx + i] : x[0][i * R + r]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        if constexpr (R > 3)  // fewer rows leave registers over, and gcc may read W in the instruction itself
          multiply_add_here(xr, b[v], acc[r][v]);
        else
          multiply_add(xr, b[v], acc[r][v]);
      }
    }
  };
  const auto advance = [&](int n) __attribute__((always_inline)) {
#pragma GCC unroll 16
    for (int g = 0; g < groups; ++g) x[g] += n * (by_rows ? 1 : R);
    w += n * cols;
  };
  const T *const whole = w + k / steps * steps * cols, *const end = w + k * cols;
  while (w < whole) {
    if constexpr (P == 1) {
      __builtin_prefetch(ahead, 0, 2);
      if (pace > line) {
#pragma GCC unroll 16
        for (int i = 1; i < lines / 2; ++i) __builtin_prefetch(ahead + i * line, 0, 2);
        if (pace > lines / 2 * line) {
#pragma GCC unroll 16
          for (int i = lines / 2; i < lines; ++i) __builtin_prefetch(ahead + i * line, 0, 2);
        }
      }
      ahead += pace;
    }
#pragma GCC unroll 16
    for (int i = 0; i < steps; ++i) multiply(i);
    advance(steps);
  }
  while (w < end) {
    multiply(0);
    advance(1);
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      T* const to = job.y + r * job.ldy + v * lanes;
      if (job.add) acc[r][v] += Batch::load_unaligned(to);
      acc[r][v].store_unaligned(to);
    }
  }
}

/// run_tile<T, rows, P> with rows known at run time, 1 to Tile<T>::rows (P = 1) or flat_rows (P = 2); 1 for more.
template <class T, int P>
void run_rows(index_t rows, const Job<T>& job) {
  constexpr int most = P == 1 ? Tile<T>::rows : P == 2 ? Tile<T>::flat_rows : 1;
  static constexpr auto tiles = []<int... Row>(std::integer_sequence<int, Row...>) {
    return std::array<std::array<void (*)(const Job<T>&), 2>, most>{
        {{&run_tile<T, Row + 1, P, false>, &run_tile<T, Row + 1, P, true>}...}};
  }
  (std::make_integer_sequence<int, most>{});
  tiles[static_cast<std::size_t>(rows - 1)][job.by_rows](job);
}

/// The same for a last panel of which only the first `cols` columns exist in y.
template <class T>
void run_part(index_t rows, index_t cols, Job<T> job) {
  constexpr int width = Tile<T>::cols;
  T part[Tile<T>::rows * width] = {};
  T* const y = std::exchange(job.y, part);
  const index_t ldy = std::exchange(job.ldy, width);
  if (job.add) {
    for (index_t r = 0; r < rows; ++r) std::copy_n(y + r * ldy, cols, part + r * width);
  }
  run_rows<T, 1>(rows, job);
  for (index_t r = 0; r < rows; ++r) std::copy_n(part + r * width, cols, y + r * ldy);
}

/// std::copy_n of few elements: gcc makes that a call of memmove, however few they are.
template <index_t Count, class T>
void copy_few(const T* from, T* to) {
  std::memcpy(to, from, static_cast<std::size_t>(Count) * sizeof(T));
}

/// k rows of op(W), by Tile<T>::cols columns from column `first`, zeros beyond column n.
template <class T>
void pack_panel(Trans tw, index_t k, index_t first, index_t n, const T* w, index_t ldw, T* panel) {
  constexpr index_t width = Tile<T>::cols;
  constexpr index_t block = 16;  // a transposed block's reads and writes stay in a few cache lines
  const index_t cols = std::min(width, n - first);
  if (cols < width) std::fill_n(panel, k * width, T(0));
  if (tw == Trans::no) {
    for (index_t i = 0; i < k; ++i) {
      const T* const row = w + i * ldw + first;
      if (cols == width)
        copy_few<width>(row, panel + i * width);
      else
        std::copy_n(row, cols, panel + i * width);
    }
    return;
  }
  for (index_t i0 = 0; i0 < k; i0 += block) {
    const index_t i1 = std::min(k, i0 + block);
    for (index_t j = 0; j < cols; ++j) {
      const T* row = w + (first + j) * ldw;
      for (index_t i = i0; i < i1; ++i) panel[i * width + j] = row[i];
    }
  }
}

}  // namespace unroll::blas::kernel
