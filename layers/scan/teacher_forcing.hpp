#pragma once
/// \file Teacher forcing: training a cell whose output is fed back, with the targets in place of its outputs.

#include "unroll/autograd/join.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

/// Trains a cell whose output is fed back, with the targets in place of its outputs.
/// What:   y_t = step(x_t, target_{t−1}) with target_{−1} = y0. No step waits for another, so all are taken
///         at once, and no gradient flows through time. `scan` is the same cell running on its own outputs.
/// Shapes: xs (T, B, I), targets (T, B, O), y0 (B, O) → (T, B, O). The last target is not read.
/// `cell` is as for scan: its state is the output, and its ops treat every row (t, b) alike.
/// Errors: ShapeError where targets or y0 do not fit; UsageError for an empty Variable or T = 0.
/// Source: Goodfellow, Bengio, Courville 2016, section 10.2.1.
template <class Cell, class T>
Variable<T> teacher_forced(const Cell& cell, const Variable<T>& xs, const Variable<T>& targets,
                           const Variable<T>& y0) {
  if (!xs || !targets || !y0) detail::fail_empty("teacher_forced", !xs ? 1 : !targets ? 2 : 3);
  const index_t steps = xs.rank() < 1 ? 0 : xs.shape()[0];
  if (steps == 0) raise<UsageError>("teacher_forced: need at least one time step; got {}", xs.shape().str());
  const Shape& shape = targets.shape();
  if (shape.rank() < 1 || shape[0] != steps || !(shape.without(0) == y0.shape())) {
    raise<ShapeError>("teacher_forced: need targets ({}, …) and y0 as one of them; got {} and {}", steps,
                      shape.str(), y0.shape().str());
  }
  const auto fed_back = concat<T>({reshape(y0, y0.shape().inserted(0, 1)), slice(targets, 0, 0, steps - 1)});
  return detail::whole_step(cell, xs, fed_back);
}

}  // namespace unroll
