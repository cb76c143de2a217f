#include "unroll/detail/autograd/base/common_shape.hpp"

namespace unroll::detail {

void CommonShape::broadcast_to(std::string_view op, const Shape& s) {
  const Shape both = broadcast(op, *shape_, s);
  if (both == *shape_) return;
  if (both == s) {
    shape_ = &s;
    return;
  }
  own_ = std::make_shared<const Shape>(both);
  shape_ = own_.get();
}

}  // namespace unroll::detail
