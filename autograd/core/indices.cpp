#include "unroll/autograd/indices.hpp"

namespace unroll {

Indices::Indices(const Shape& shape, std::vector<std::int64_t> values)
    : shape_(shape), values_(std::make_shared<const std::vector<std::int64_t>>(std::move(values))) {
  if (static_cast<index_t>(values_->size()) != shape.size()) {
    raise<ShapeError>("Indices: {} has {} elements; got {} values", shape.str(), shape.size(),
                      values_->size());
  }
}

Indices Indices::reshaped(const Shape& shape) const {
  if (shape.size() != size()) {
    raise<ShapeError>("Indices: {} has {} elements, {} has {}", shape_.str(), size(), shape.str(),
                      shape.size());
  }
  Indices other = *this;
  other.shape_ = shape;
  return other;
}

}  // namespace unroll
