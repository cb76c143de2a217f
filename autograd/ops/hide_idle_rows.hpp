#pragma once  // internal
/// \file Idle rows (see idle_rows.hpp) in recorded backward passes.

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll::detail {

/// What:   x, with 0 for the rows that are idle in dy and not finite in x.
/// Shapes: dy (…, C), x (…, D); leading axes that x lacks are added where it is not returned as it is.
template <class T>
Variable<T> hide_idle_rows(const Variable<T>& dy0, const Variable<T>& x0) {
  if (all_finite(dense(x0).data(), x0.size())) return x0;
  const Shape shape = dy0.shape().with(dy0.rank() - 1, x0.shape().back(0));
  const Variable<T> x = x0.shape() == shape ? x0 : recorded::add(x0, Variable<T>(shape, T{0}));
  const Variable<T> dy = dense(dy0), values = dense(x);
  Variable<T> keep(shape.with(shape.rank() - 1, 1), T{1});
  const index_t dy_cols = dy.shape().back(0), cols = shape.back(0);
  for (index_t r = 0; r < keep.size(); ++r) {
    if (all_zero(dy.data() + r * dy_cols, dy_cols) && !all_finite(values.data() + r * cols, cols))
      keep.tensor()->data[r] = T{0};
  }
  return recorded::where(keep, x, Variable<T>(T{0}));
}

}  // namespace unroll::detail
