/// \file What of views.hpp needs concat: slices with a step, and the recorded backward pass of views.

#include <algorithm>

#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll {
namespace {

// A bound as Python counts it, checked.
index_t bound(const char* what, index_t value, index_t extent, const Shape& shape, int axis) {
  const index_t b = value == to_end ? extent : value < 0 ? value + extent : value;
  if (b < 0 || b > extent) {
    raise<IndexError>("slice: {} {} is outside axis {} of {}", what, value, axis, shape.str());
  }
  return b;
}

}  // namespace

template <class T>
Variable<T> slice(const Variable<T>& x, int axis, index_t begin, index_t end, index_t step) {
  if (!x) detail::fail_empty("slice", 0);
  axis = normalise_axis("slice", axis, x.rank());
  const index_t extent = x.shape()[axis];
  if (step < 1) raise<IndexError>("slice: the step must be at least 1; got {}", step);
  const index_t from = bound("begin", begin, extent, x.shape(), axis);
  const index_t to = std::max(from, bound("end", end, extent, x.shape(), axis));
  if (step > 1) {
    std::vector<Variable<T>> picked;
    for (index_t i = from; i < to; i += step) picked.push_back(slice(x, axis, i, i + 1));
    return picked.empty() ? slice(x, axis, from, from) : concat(picked, axis);
  }
  if (from == 0 && to == extent) return x;
  detail::PoolVector<index_t> bounds = {0, from, to, extent};
  return detail::view_parts(detail::ViewKind::slice, x, axis, std::move(bounds), false, 1)[0];
}

UNROLL_COMPILE_FUNCTIONS(slice)

namespace detail {

template <class T>
std::vector<Variable<T>> ViewNode<T>::record_backward(const std::vector<Variable<T>>& dy) {
  const Tensor<T>& parent = this->input(0);
  if (reshapes_) return {reshape(dy[0], parent.shape)};
  std::vector<Variable<T>> pieces;
  for (std::size_t k = 0; k < parts(); ++k) {
    const Shape shape = parent.shape.with(axis_, bounds_[k + 1] - bounds_[k]);
    if (shape[axis_] == 0) continue;
    pieces.push_back(dy[k] ? reshape(dy[k], shape) : Variable<T>(shape, T{0}));
  }
  if (pieces.empty()) return {Variable<T>(parent.shape, T{0})};
  return {concat(pieces, axis_)};
}

template std::vector<Variable<float>> ViewNode<float>::record_backward(const std::vector<Variable<float>>&);
template std::vector<Variable<double>> ViewNode<double>::record_backward(
    const std::vector<Variable<double>>&);

}  // namespace detail
}  // namespace unroll
