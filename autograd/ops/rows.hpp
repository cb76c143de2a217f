#pragma once  // internal
/// \file Arrays seen as the rows of a matrix.

#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"
#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll::detail {

/// An array whose last axes are reduced: `count` rows of `cols` elements, in one piece.
template <class T>
struct RowMatrix {
  Variable<T> x;
  index_t count = 0, cols = 0;
  Shape kept;  ///< the shape of x with the reduced axes 1
};

/// x with `axes` (none: all) moved to the end where they are not there already.
template <class T>
RowMatrix<T> rows_over(const char* op, const Variable<T>& x, const Axes& axes) {
  const Shape kept = kept_shape(op, x.shape(), axes);
  std::vector<char> reduced(static_cast<std::size_t>(x.rank()), axes.empty());
  for (int axis : axes) reduced[static_cast<std::size_t>(axis < 0 ? axis + x.rank() : axis)] = 1;
  std::vector<int> order;
  for (char last : {0, 1})
    for (int a = 0; a < x.rank(); ++a)
      if (reduced[static_cast<std::size_t>(a)] == last) order.push_back(a);
  bool sorted = true;  // but for axes of one element, which may stand anywhere
  for (int a = 0, before = -1; a < x.rank(); ++a) {
    const int from = order[static_cast<std::size_t>(a)];
    if (x.shape()[from] == 1) continue;
    sorted = sorted && from > before;
    before = from;
  }
  index_t cols = 1;
  for (int a = 0; a < x.rank(); ++a)
    if (reduced[static_cast<std::size_t>(a)]) cols *= x.shape()[a];
  if (sorted) return {dense(x), kept.size(), cols, kept};
  std::vector<index_t> extents;
  for (int a : order) extents.push_back(kept[a]);
  return {permute(x, order), kept.size(), cols, Shape(extents.begin(), extents.end())};
}

}  // namespace unroll::detail
