#pragma once  // internal
/// \file How a fused kernel walks over arrays of different layouts that broadcast to one shape.

#include <span>

#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

/// One array in the walk; plan_loop fills what the loop's axes need: element (outer…, row, j) is data[Σ
/// outer·index + row·r + (j & mask)].
struct Lane {
  index_t outer[Shape::max_rank];
  index_t row;
  index_t mask;  ///< −1 walks along the columns, 0 repeats one element
};

/// Axes merged as far as all the lanes allow: any number of outer ones, rows, columns.
struct Loop {
  index_t outer[Shape::max_rank];
  index_t rows = 1, cols = 0;
  int outer_rank = 0;
};

/// A layout to be walked: `shape` broadcasts to the loop's shape.
struct Layout {
  const Shape* shape;
  index_t run, pitch;
};

template <class T>
Layout layout_of(const Tensor<T>& t) {
  return {&t.shape, t.run, t.pitch};
}

inline constexpr std::size_t max_lanes = 128;
/// Plans the walk over `shape`, in row-major order; fills one lane for each layout, max_lanes at most.
Loop plan_loop(const Shape& shape, std::span<const Layout> layouts, Lane* lanes);

/// Calls f(index of the outer axes) for each combination of them.
template <class F>
void for_slabs(const Loop& loop, F&& f) {
  index_t index[Shape::max_rank] = {};
  for (;;) {
    f(static_cast<const index_t*>(index));
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

}  // namespace unroll::detail
