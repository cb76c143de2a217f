#pragma once  // internal
/// \file Sums of slices that go to the same place: gradients of what was looked up.

#include "unroll/autograd/indices.hpp"
#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/core/runs.hpp"

namespace unroll::detail {

/// Adds slice number n to place number indices[n], for all n. However often an index stands there, the sums are right
/// (see long_sums.hpp).
template <class T>
class SliceAdder {
 public:
  /// `indices` lie in [0, extent). `left_out`: an index whose slices are not added; −1: none.
  SliceAdder(const Indices& indices, index_t extent, std::int64_t left_out = -1)
      : indices_(indices), left_out_(left_out) {
    if (sizeof(T) < sizeof(double) && indices.size() > chain_terms) group(static_cast<std::size_t>(extent));
  }

  /// Slices of `inner` elements, one after another in `from`, to places in `to`.
  void add(const T* from, index_t inner, T* to) const {
    if (positions_.empty()) {
      for (index_t n = 0; n < indices_.size(); ++n)
        if (indices_[n] != left_out_) store_or_add(to + indices_[n] * inner, inner, true, from + n * inner);
      return;
    }
    for (std::size_t place = 0; place + 1 < begin_.size(); ++place) {
      const index_t *const first = positions_.data() + begin_[place],
                           count = begin_[place + 1] - begin_[place];
      if (count == 0 || static_cast<std::int64_t>(place) == left_out_) continue;
      sum_rows_at<T>(
          count, inner, [=](index_t r) { return from + first[r] * inner; },
          to + static_cast<index_t>(place) * inner, true);
    }
  }

 private:
  // Sorts positions by index, unless none stands more often than one chain of additions may be long.
  void group(std::size_t extent) {
    begin_.resize(extent + 1, 0);
    for (std::int64_t index : indices_) ++begin_[static_cast<std::size_t>(index) + 1];
    if (*std::max_element(begin_.begin(), begin_.end()) <= chain_terms) return;
    for (std::size_t place = 0; place < extent; ++place) begin_[place + 1] += begin_[place];
    positions_.resize(static_cast<std::size_t>(indices_.size()));
    PoolVector<index_t> next(begin_.begin(), begin_.end() - 1);
    for (index_t n = 0; n < indices_.size(); ++n)
      positions_[static_cast<std::size_t>(next[static_cast<std::size_t>(indices_[n])]++)] = n;
  }

  const Indices& indices_;
  std::int64_t left_out_;
  PoolVector<index_t> begin_, positions_;  // of place p: positions_[begin_[p]] to positions_[begin_[p + 1]]
};

}  // namespace unroll::detail
