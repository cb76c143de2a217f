#pragma once  // internal
/// \file Sums of very many terms.
///
/// One chain of float additions stands still at 2^24 equal terms, and is off by far more than its last digit long
/// before. The library adds at most chain_terms in the elements' own type; the sums of such chains are added in
/// double. Any number of positive terms then gives a sum that is right to 1e-6.

#include <algorithm>

#include "unroll/autograd/shape.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll::detail {

/// The terms that one chain of T may have: each addition but the first rounds once, by 6e-8 in float.
inline constexpr index_t chain_terms = 16;

/// to[j] = Σ_r row(r)[j] over at most chain_terms rows, four at a time.
template <class T, class RowAt>
void sum_few_rows(index_t first, index_t last, index_t n, RowAt&& row, T* to) {
  index_t r = first;
  if (last - first < 4) {
    std::copy_n(row(r++), n, to);
  } else {
    const T *const a = row(r), *const b = row(r + 1), *const c = row(r + 2), *const d = row(r + 3);
    for (index_t j = 0; j < n; ++j) to[j] = (a[j] + b[j]) + (c[j] + d[j]);
    r += 4;
  }
  for (; r + 4 <= last; r += 4) {
    const T *const a = row(r), *const b = row(r + 1), *const c = row(r + 2), *const d = row(r + 3);
    for (index_t j = 0; j < n; ++j) to[j] += (a[j] + b[j]) + (c[j] + d[j]);
  }
  for (; r < last; ++r) {
    const T* const a = row(r);
    for (index_t j = 0; j < n; ++j) to[j] += a[j];
  }
}

/// to[j] (+)= Σ_r row(r)[j], where row(r) points to the `cols` elements of row r.
template <class T, class To, class RowAt>
void sum_rows_at(index_t rows, index_t cols, RowAt&& row, To* to, bool add) {
  constexpr index_t tile = 512;
  if (rows == 0 && !add) std::fill_n(to, cols, To{0});
  if (rows == 0) return;
  double total[tile];
  T chain[tile];
  for (index_t begin = 0; begin < cols; begin += tile) {
    const index_t n = std::min(tile, cols - begin);
    const auto piece = [&](index_t r) { return row(r) + begin; };
    for (index_t first = 0; first < rows; first += chain_terms) {
      sum_few_rows<T>(first, std::min(rows, first + chain_terms), n, piece, chain);
      if (first == 0)
        std::copy_n(chain, n, total);
      else
        for (index_t j = 0; j < n; ++j) total[j] += static_cast<double>(chain[j]);
    }
    To* const out = to + begin;
    if (add)
      for (index_t j = 0; j < n; ++j) out[j] = static_cast<To>(static_cast<double>(out[j]) + total[j]);
    else
      for (index_t j = 0; j < n; ++j) out[j] = static_cast<To>(total[j]);
  }
}

/// Sums over the columns of rows that are added one at a time, each to chain().
template <class T>
class ColumnSums {
 public:
  explicit ColumnSums(index_t cols)
      : chain_(static_cast<std::size_t>(cols), T{0}), sums_(chain_.size(), 0.0) {}
  /// Where the next row is to be added.
  T* chain() { return chain_.data(); }
  /// After each row.
  void end_row() {
    if (++rows_ == chain_terms) flush();
  }
  /// to[j] += the sums, at the end.
  void add_to(T* to) {
    flush();
    for (std::size_t j = 0; j < sums_.size(); ++j) to[j] = static_cast<T>(to[j] + sums_[j]);
  }

 private:
  void flush() {
    for (std::size_t j = 0; j < sums_.size(); ++j) sums_[j] += chain_[j];
    std::fill(chain_.begin(), chain_.end(), T{0});
    rows_ = 0;
  }

  PoolVector<T> chain_;
  PoolVector<double> sums_;
  index_t rows_ = 0;
};

}  // namespace unroll::detail
