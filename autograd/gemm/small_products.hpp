#pragma once  // internal
/// \file Products of small matrices in scratch memory: no packing, no call of a library, no check. Included by .cpp files
/// alone, as kernel.hpp is.

#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas::small {

/// A left operand: row r, inner index i is at[r * ld + i], or at[i * ld + r] where it is stored transposed.
template <class T>
struct Left {
  const T* at;
  index_t ld;
  bool transposed = false;
};

/// A matrix of whole SIMD batches in each row, those beyond its columns included.
template <class T>
struct Rows {
  T* at;
  index_t ld;
};

enum class Put { set, add, subtract, negate };
/// What is known to be 0, or not wanted: tiles that lie there as a whole are left out.
enum class Triangle {
  none,
  left_lower,   ///< element (r, i) of the left operand is 0 for i > r
  left_upper,   ///< for i < r
  result_lower  ///< element (r, j) of the result is not wanted for j > r
};

template <class T>
constexpr index_t tile_rows = kernel::Tile<T>::wide_file ? 12 : 6;

/// n, rounded up to whole batches.
template <class T>
constexpr index_t padded(index_t n) {
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  return (n + lanes - 1) / lanes * lanes;
}

template <class T>
struct TileJob {
  index_t first, last;  ///< inner indices
  Left<T> a;            ///< from its first row
  const T* b;           ///< from its first column
  index_t ldb;
  T* c;
  index_t ldc;
  Put put;
};

/// R rows by V batches of the result. Each element is one chain of multiply-adds in order of the inner index.
template <class T, int R, int V, bool transposed>
void run_tile(const TileJob<T>& job) {
  using Batch = xsimd::batch<T>;
  constexpr int lanes = kernel::Tile<T>::lanes;
  Batch acc[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) acc[r][v] = Batch(T(0));
  }
  constexpr int groups = transposed ? 1 : (R + 2) / 3;
  const index_t lda = job.a.ld, ldb = job.ldb;
  const T* a[groups];
#pragma GCC unroll 16
  for (int g = 0; g < groups; ++g)
    a[g] = transposed ? job.a.at + job.first * lda : job.a.at + 3 * g * lda + job.first;
  const T *b = job.b + job.first * ldb, *const end = job.b + job.last * ldb;
  for (; b < end; b += ldb) {
    Batch row[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) row[v] = Batch::load_unaligned(b + v * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const Batch x(transposed ? a[0][r] : a[r / 3 % groups][(r % 3) * lda]);
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) kernel::multiply_add_here(x, row[v], acc[r][v]);
    }
#pragma GCC unroll 16
    for (int g = 0; g < groups; ++g) a[g] += transposed ? lda : 1;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      T* const to = job.c + r * job.ldc + v * lanes;
      if (job.put == Put::negate) acc[r][v] = -acc[r][v];
      if (job.put == Put::add) acc[r][v] = Batch::load_unaligned(to) + acc[r][v];
      if (job.put == Put::subtract) acc[r][v] = Batch::load_unaligned(to) - acc[r][v];
      acc[r][v].store_unaligned(to);
    }
  }
}

template <class T, int V>
void run_rows(index_t rows, const TileJob<T>& job) {
  static constexpr auto tiles = []<int... Row>(std::integer_sequence<int, Row...>) {
    return std::array<std::array<void (*)(const TileJob<T>&), 2>, sizeof...(Row)>{
        {{&run_tile<T, Row + 1, V, false>, &run_tile<T, Row + 1, V, true>}...}};
  }
  (std::make_integer_sequence<int, static_cast<int>(tile_rows<T>)>{});
  tiles[static_cast<std::size_t>(rows - 1)][job.a.transposed](job);
}

/// What:   C = A B, or as `put` says. The bits of a row do not depend on the other rows.
/// Shapes: A (m, k), B (k, n), C (m, n); n columns are rounded up to whole batches, which B and C must have.
/// With `exact`, what lies beyond a triangle is not read at all, at some cost: NaN would else spread through products with 0.
template <class T>
void multiply(index_t m, index_t n, index_t k, const Left<T>& a, const Rows<const T>& b, Put put,
              const Rows<T>& c, Triangle triangle = Triangle::none, bool exact = false) {
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  const index_t height = exact ? 1 : tile_rows<T>, blocks = (m + height - 1) / height;
  for (index_t p = 0; p < blocks; ++p) {
    const index_t r0 = p * m / blocks, r1 = (p + 1) * m / blocks;
    const index_t last = triangle == Triangle::left_lower ? std::min(k, r1) : k;
    const index_t cols = triangle == Triangle::result_lower ? std::min(n, r1) : n;
    TileJob<T> job{.first = triangle == Triangle::left_upper ? std::min(k, r0) : 0,
                   .last = last,
                   .a = {a.transposed ? a.at + r0 : a.at + r0 * a.ld, a.ld, a.transposed},
                   .b = b.at,
                   .ldb = b.ld,
                   .c = c.at + r0 * c.ld,
                   .ldc = c.ld,
                   .put = put};
    index_t j = 0;
    for (; j + lanes < cols; j += 2 * lanes, job.b += 2 * lanes, job.c += 2 * lanes)
      run_rows<T, 2>(r1 - r0, job);
    if (j < cols) run_rows<T, 1>(r1 - r0, job);
  }
}

/// What:   B = Aᵀ.
/// Shapes: A (m, n), B (n, m); columns of B beyond m, up to whole batches, become 0.
template <class T>
void transpose(index_t m, index_t n, const Rows<const T>& a, const Rows<T>& b) {
  constexpr index_t block = 16;
  for (index_t i0 = 0; i0 < padded<T>(m); i0 += block) {
    const index_t i1 = std::min(i0 + block, padded<T>(m));
    for (index_t j = 0; j < n; ++j) {
      T* const to = b.at + j * b.ld;
      for (index_t i = i0; i < std::min(i1, m); ++i) to[i] = a.at[i * a.ld + j];
      for (index_t i = std::max(i0, m); i < i1; ++i) to[i] = T{0};
    }
  }
}

}  // namespace unroll::blas::small
