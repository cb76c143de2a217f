#include "unroll/detail/autograd/core/check_indices.hpp"

#include <string>

namespace unroll::detail {
namespace {

// "3", or "(0, 3)" in an array of more than one axis.
std::string position_text(const Shape& shape, index_t position) {
  if (shape.rank() < 2) return std::to_string(position);
  std::string text;
  for (int axis = shape.rank() - 1; axis >= 0; --axis) {
    text = std::to_string(position % shape[axis]) + (text.empty() ? "" : ", ") + text;
    position /= shape[axis];
  }
  return "(" + text + ")";
}

}  // namespace

void fail_index(std::string_view op, std::string_view what, const Indices& indices, index_t position,
                index_t extent) {
  raise<IndexError>("{}: {} {} at position {} is outside [0, {})", op, what, indices[position],
                    position_text(indices.shape(), position), extent);
}

void check_indices(std::string_view op, std::string_view what, const Indices& indices, index_t extent) {
  for (index_t i = 0; i < indices.size(); ++i)
    if (indices[i] < 0 || indices[i] >= extent) fail_index(op, what, indices, i, extent);
}

}  // namespace unroll::detail
