#pragma once
/// \file How a fused kernel walks over arrays of different layouts that broadcast to one shape.

#include <span>

#include "autograd/tensor.hpp"

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

/// Plans the walk over `shape`, in row-major order; fills one lane for each layout.
Loop plan_loop(const Shape& shape, std::span<const Layout> layouts, Lane* lanes);

}  // namespace unroll::detail
