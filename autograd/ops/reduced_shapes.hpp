#pragma once  // internal
/// \file Shapes with reduced axes, and sums to them.

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// Σ x over the axes along which `kept` broadcasts to x, under the shape `shape` of the same size.
template <class T>
Variable<T> sum_to(const Variable<T>& x, const Shape& kept, const Shape& shape);
template <class T>
Variable<T> sum_to(const Variable<T>& x, const Shape& shape) {
  return sum_to(x, shape, shape);
}
/// The shape of x with `axes` reduced to 1.
Shape kept_shape(const char* op, const Shape& shape, const Axes& axes);
/// `kept` without the axes that were reduced.
Shape dropped_shape(const Shape& shape, const Axes& axes);

}  // namespace unroll::detail
