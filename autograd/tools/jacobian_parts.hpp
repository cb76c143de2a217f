#pragma once  // internal
/// \file Parts of Jacobians that are not zero, and memory for their numbers.

#include <algorithm>
#include <utility>
#include <vector>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll::detail {

/// Some rows and columns of a matrix. Dense: element (row + i, column + j) is values[i * stride + j]. Diagonal, with as
/// many rows as columns: element (row + i, column + i) is values[i], the others are 0.
template <class T>
struct MatrixPart {
  index_t row, rows, column, columns;
  T* values;
  index_t stride;
  bool diagonal;
};

/// A matrix with element (row + i row_step, column + i columns + j) = values[i] x[j], for i < count and j < columns; the
/// others are 0. Where values[i] is 0, so are its elements, whatever x holds.
template <class T>
struct OuterPart {
  index_t row, row_step, column, columns, count;
  const T* values;
  const T* x;
};

/// Memory for numbers that are all forgotten at once, and kept for the next time.
template <class T>
class NumberStore {
 public:
  /// Undefined numbers, which stay where they are until forget().
  T* take(index_t count) {
    constexpr index_t line = 64 / sizeof(T), least = 2048;
    count = (count + line - 1) / line * line;
    while (block_ < blocks_.size() && used_ + count > size(block_)) ++block_, used_ = 0;
    if (block_ == blocks_.size()) {
      const index_t last = blocks_.empty() ? 0 : size(block_ - 1);
      blocks_.emplace_back(static_cast<std::size_t>(std::max({count, 2 * last, least})));
    }
    return blocks_[block_].data() + std::exchange(used_, used_ + count);
  }
  void forget() { block_ = 0, used_ = 0; }

 private:
  index_t size(std::size_t block) const { return static_cast<index_t>(blocks_[block].size()); }

  std::vector<PoolVector<T>> blocks_;
  std::size_t block_ = 0;  // that is being filled
  index_t used_ = 0;       // of it
};

/// Where the numbers of a state stand among the rows of a Jacobian: a block of rows for each row of the batch, so that
/// ∂s'/∂s is block-diagonal for cells that keep the rows apart.
struct StateRows {
  index_t blocks = 1, block = 0;  ///< B and N

  template <class T>
  explicit StateRows(const std::vector<Variable<T>>& state) {
    if (!state.empty() && state[0].rank() > 0) blocks = state[0].shape()[0];
    for (const Variable<T>& s : state)
      if (s.rank() < 2 || s.shape()[0] != blocks) blocks = 1;
    for (const Variable<T>& s : state) block += s.size();
    block = blocks == 0 ? 0 : block / blocks;
  }
  index_t rows() const { return blocks * block; }
  /// The numbers of a member in each block.
  template <class T>
  index_t width(const Variable<T>& member) const {
    return blocks == 0 ? 0 : member.size() / blocks;
  }

  /// f(member, element, row) for all numbers of the state.
  template <class T, class F>
  void for_each(const std::vector<Variable<T>>& state, F&& f) const {
    index_t first = 0;
    for (std::size_t k = 0; k < state.size(); ++k) {
      const index_t w = width(state[k]);
      for (index_t i = 0; i < state[k].size(); ++i) f(k, i, i / w * block + first + i % w);
      first += w;
    }
  }
};

}  // namespace unroll::detail
