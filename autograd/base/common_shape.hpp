#pragma once  // internal
/// \file The shape of an expression.

#include <memory>

#include "unroll/autograd/shape.hpp"

namespace unroll::detail {

/// What shapes broadcast to: one of them, which is not copied, or a new one.
/// Lifetime: every shape included must outlive this and its copies.
class CommonShape {
 public:
  const Shape& operator*() const { return *shape_; }
  /// Errors: ShapeError naming `op`.
  [[gnu::always_inline]] void include(std::string_view op, const Shape& s) {
    if (!shape_) {
      shape_ = &s;
    } else if (shape_ != &s && !(*shape_ == s)) {
      broadcast_to(op, s);
    }
  }

 private:
  void broadcast_to(std::string_view op, const Shape& s);

  const Shape* shape_ = nullptr;
  std::shared_ptr<const Shape> own_;
};

}  // namespace unroll::detail
