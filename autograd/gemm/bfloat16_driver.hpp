#pragma once  // internal
/// \file How a product in bfloat16 is cut into tiles, for either kernel. Included by bfloat16.cpp alone.

#include <algorithm>
#include <memory>
#include <new>

#include "unroll/detail/autograd/gemm/bfloat16_kernels.hpp"

namespace unroll::blas::bfloat16 {

/// A chain has so many pairs at most.
inline constexpr index_t most_pairs = 128;

/// Pairs of k: a chain, or all.
struct Pairs {
  index_t first, count;
};

/// Calls f for each chain of `all`, as even as may be, in order.
template <class F>
void for_chains(const Pairs& all, F&& f) {
  const index_t parts = (all.count + most_pairs - 1) / most_pairs;
  for (index_t i = 0; i < parts; ++i) {
    const index_t first = i * all.count / parts, next = (i + 1) * all.count / parts;
    f(Pairs{all.first + first, next - first});
  }
}

/// Memory that is kept for the next product of this thread.
template <class Element>
class Room {
 public:
  Element* get(index_t size) {
    if (size > size_) {
      data_.reset(static_cast<Element*>(
          ::operator new (static_cast<std::size_t>(size) * sizeof(Element), std::align_val_t{64})));
      size_ = size;
    }
    return data_.get();
  }

 private:
  struct Free {
    void operator()(Element* p) const { ::operator delete (p, std::align_val_t{64}); }
  };
  std::unique_ptr<Element, Free> data_;
  index_t size_ = 0;
};

/// An operand, and where in it a part begins.
struct Matrix {
  Trans trans;
  const float* data;
  index_t ld;
  Matrix at(index_t row, index_t col) const {
    return {trans, data + (trans == Trans::no ? row * ld + col : col * ld + row), ld};
  }
};

/// k rows of op(W), by K::cols columns from column `first`, zeros beyond column n.
template <class K>
void pack_panel(const Matrix& w, index_t k, index_t first, index_t n, typename K::Element* panel) {
  using Element = typename K::Element;
  const index_t width = K::cols, cols = std::min(width, n - first), pairs = (k + 1) / 2;
  if (cols < width) std::fill_n(panel, pairs * K::per_pair * width, Element{});
  if (w.trans == Trans::no) {
    for (index_t p = 0; p < pairs; ++p) {
      const float* const even = w.data + 2 * p * w.ld + first;
      K::combine(even, 2 * p + 1 < k ? even + w.ld : nullptr, cols, panel + p * K::per_pair * width, width);
    }
    return;
  }
  constexpr index_t block = 32;  // a transposed block's reads and writes stay in a few cache lines
  Element some[block];
  for (index_t i = 0; i < k; i += block) {
    const index_t count = std::min(block, k - i), elements = (count + 1) / 2 * K::per_pair;
    Element* const to = panel + i / 2 * K::per_pair * width;
    for (index_t j = 0; j < cols; ++j) {
      K::convert(w.data + (first + j) * w.ld + i, count, some);
      for (index_t e = 0; e < elements; ++e) to[e * width + j] = some[e];
    }
  }
}

/// Rows of op(A), tile by tile: row by row, or, where A is stored transposed, a tile's columns one after another.
template <class K>
class Rows {
 public:
  using Element = typename K::Element;

  /// Converts `rows` rows of k numbers. `room` lasts as long.
  Rows(const Matrix& a, index_t rows, index_t k, Room<Element>& room)
      : rows_(rows), inner_((k + 1) / 2 * K::per_pair), by_rows_(a.trans == Trans::no) {
    constexpr index_t line = 16;  // rows a power of two apart would meet in one set of the cache
    pitch_ = by_rows_ ? inner_ + line : inner_;
    Element* const to = room.get(rows * pitch_ + 2 * rows);
    data_ = to;
    if (by_rows_)
      for (index_t r = 0; r < rows; ++r) K::convert(a.data + r * a.ld, k, to + r * pitch_);
    else
      convert_columns(a, k, to, to + rows * pitch_);
  }

  index_t rows() const { return rows_; }
  /// Tiles of at most K::rows rows: as even as may be where they lie row by row.
  index_t tiles() const { return (rows_ + K::rows - 1) / K::rows; }
  index_t first_of(index_t tile) const {
    return by_rows_ ? tile * rows_ / tiles() : std::min(rows_, tile * K::rows);
  }

  /// The product of a tile and a chain, which adds to y, or not.
  Job<Element> job(index_t first, const Pairs& chain, const Element* w, bool add, float* y,
                   index_t ldy) const {
    return {.pairs = chain.count,
            .x = data_ + first * pitch_ + (by_rows_ ? chain.first * K::per_pair : 0),
            .ldx = pitch_,
            .by_rows = by_rows_,
            .w = w,
            .panel = 0,
            .ahead = w,
            .pace = 0,
            .add = add,
            .y = y,
            .ldy = ldy};
  }

 private:
  void convert_columns(const Matrix& a, index_t k, Element* to, Element* some) const {
    for (index_t p = 0; 2 * p < k; ++p) {
      const float* const even = a.data + 2 * p * a.ld;
      K::combine(even, 2 * p + 1 < k ? even + a.ld : nullptr, rows_, some, rows_);
      for (index_t t = 0; t < tiles(); ++t) {
        const index_t first = first_of(t), count = first_of(t + 1) - first;
        for (index_t s = 0; s < K::per_pair; ++s)
          std::copy_n(some + s * rows_ + first, count, to + first * inner_ + (p * K::per_pair + s) * count);
      }
    }
  }

  const Element* data_;
  index_t rows_, inner_;  ///< inner_: elements of a row
  index_t pitch_;         ///< from row to row
  bool by_rows_;
};

/// The panels of W that go together: few rows take several at a time, since one would give too few accumulators to hide the
/// latency.
template <class K>
struct Groups {
  index_t panels, wides = 0, twos = 0;
  Groups(index_t n, index_t rows) : panels((n + K::cols - 1) / K::cols) {
    const index_t whole = n / K::cols;
    if (rows == 1) wides = whole / K::row_panels;
    if (rows <= K::flat_rows) twos = (whole - wides * K::row_panels) / 2;
  }
  index_t count() const { return panels - wides * (K::row_panels - 1) - twos; }
  index_t size(index_t group) const { return group < wides ? K::row_panels : group < wides + twos ? 2 : 1; }
  index_t first(index_t group) const {
    return group + std::min(group, wides) * (K::row_panels - 1) + std::clamp<index_t>(group - wides, 0, twos);
  }
};

/// What stands behind a group of panels, for one chain.
template <class K>
struct PanelGroup {
  const typename K::Element* w;      ///< the chain's rows of the first panel
  const typename K::Element* ahead;  ///< those of the next group
  index_t panel, panels;             ///< from panel to panel, and their number
  index_t width;                     ///< columns of y, where there is one panel
};

/// y = [y +] A W for all rows of A and a group of panels.
template <class K>
void run_group(const Rows<K>& a, const Pairs& chain, const PanelGroup<K>& group, bool add, float* y,
               index_t ldy) {
  const index_t tiles = a.tiles(), elements = chain.count * K::per_pair * K::cols;
  for (index_t t = 0; t < tiles; ++t) {
    const index_t first = a.first_of(t);
    auto job = a.job(first, chain, group.w, add, y + first * ldy, ldy);
    job.panel = group.panel;
    job.ahead = group.ahead + t * elements / tiles;
    job.pace = K::per_pair * K::cols * index_t{4} / tiles;
    K::run(a.first_of(t + 1) - first, group.panels, group.width, job);
  }
}

}  // namespace unroll::blas::bfloat16
