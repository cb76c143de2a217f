#include "unroll/detail/autograd/core/loop.hpp"

#include <array>

#include "unroll/detail/autograd/base/traffic_counts.hpp"

namespace unroll::detail {
namespace {

constexpr int max_axes = Shape::max_rank + 1;
using Strides = std::array<index_t, max_axes>;

// Strides of a layout aligned to the last axes of a shape of rank `rank`; 0 where it broadcasts.
void fill_strides(const Layout& layout, const Shape& shape, Strides& strides) {
  const Shape& own = *layout.shape;
  index_t below = 1;
  for (int k = 0; k < shape.rank(); ++k) {
    const index_t extent = own.back(k);
    const index_t stride = below < layout.run || layout.run == 0 ? below : below / layout.run * layout.pitch;
    strides[static_cast<std::size_t>(shape.rank() - 1 - k)] = extent == 1 ? 0 : stride;
    below *= extent;
  }
}

}  // namespace

Loop plan_loop(const Shape& shape, std::span<const Layout> layouts, Lane* lanes) {
  ++current_traffic.walks;
  Loop loop;
  std::array<Strides, max_lanes> strides;
  for (std::size_t i = 0; i < layouts.size(); ++i) fill_strides(layouts[i], shape, strides[i]);

  // Merge axes from the left: `extents[n - 1]` grows while every lane steps through both axes evenly.
  std::array<index_t, max_axes> extents{};
  int n = 0;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    const index_t extent = shape[axis];
    if (extent == 1) continue;
    bool merges = n > 0;
    for (std::size_t i = 0; merges && i < layouts.size(); ++i)
      merges = strides[i][n - 1] == strides[i][axis] * extent;
    if (!merges) ++n;
    extents[n - 1] = merges ? extents[n - 1] * extent : extent;
    for (std::size_t i = 0; i < layouts.size(); ++i) strides[i][n - 1] = strides[i][axis];
  }
  bool unit = n > 0;
  for (std::size_t i = 0; unit && i < layouts.size(); ++i)
    unit = strides[i][n - 1] == 0 || strides[i][n - 1] == 1;
  if (!unit) {  // a scalar, or a lane that strides along its last axis: columns of one element
    extents[n] = 1;
    for (std::size_t i = 0; i < layouts.size(); ++i) strides[i][n] = 0;
    ++n;
  }
  loop.cols = shape.size() == 0 ? 0 : extents[n - 1];
  loop.rows = n > 1 ? extents[n - 2] : 1;
  loop.outer_rank = n > 2 ? n - 2 : 0;
  for (int k = 0; k < loop.outer_rank; ++k) loop.outer[k] = extents[k];
  for (std::size_t i = 0; i < layouts.size(); ++i) {
    lanes[i].mask = strides[i][n - 1] == 1 ? -1 : 0;
    lanes[i].row = n > 1 ? strides[i][n - 2] : 0;
    for (int k = 0; k < loop.outer_rank; ++k) lanes[i].outer[k] = strides[i][k];
  }
  return loop;
}

}  // namespace unroll::detail
