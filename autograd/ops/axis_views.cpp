#include "unroll/autograd/axis_views.hpp"

#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/ops/reduced_shapes.hpp"

namespace unroll {

template <class T>
Variable<T> unsqueeze(const Variable<T>& x, int axis) {
  if (!x) detail::fail_empty("unsqueeze", 0);
  return reshape(x, x.shape().inserted(normalise_axis("unsqueeze", axis, x.rank() + 1), 1));
}

template <class T>
Variable<T> squeeze(const Variable<T>& x, const Axes& axes) {
  if (!x) detail::fail_empty("squeeze", 0);
  const Shape shape = x.shape();
  detail::kept_shape("squeeze", shape, axes);  // checks the axes
  for (int axis : axes)
    if (const index_t extent = shape[axis < 0 ? axis + x.rank() : axis]; extent != 1)
      raise<ShapeError>("squeeze: axis {} of {} has {} elements, not one", axis, shape.str(), extent);
  if (!axes.empty()) return reshape(x, detail::dropped_shape(shape, axes));
  std::vector<index_t> extents;
  for (index_t extent : shape)
    if (extent != 1) extents.push_back(extent);
  return reshape(x, Shape(extents.begin(), extents.end()));
}

template <class T>
std::vector<Variable<T>> split(const Variable<T>& x, const std::vector<index_t>& sizes, int axis) {
  if (!x) detail::fail_empty("split", 0);
  const int a = normalise_axis("split", axis, x.rank());
  const index_t extent = x.shape()[a];
  detail::PoolVector<index_t> bounds{0};
  for (index_t size : sizes) {
    if (size < 0) raise<ShapeError>("split: an extent must not be negative; got {}", size);
    if (size > extent - bounds.back())
      raise<ShapeError>("split: the extents exceed axis {} of {}", axis, x.shape().str());
    bounds.push_back(bounds.back() + size);
  }
  if (bounds.back() != extent)
    raise<ShapeError>("split: the extents add up to {}, but axis {} of {} has {}", bounds.back(), axis,
                      x.shape().str(), extent);
  if (sizes.empty()) return {};
  return detail::view_parts(detail::ViewKind::split, x, a, std::move(bounds), false);
}

UNROLL_COMPILE_FUNCTIONS(unsqueeze, squeeze, split)

}  // namespace unroll
