#pragma once
/// \file Indices: integer inputs, such as tokens and class labels.

#include <concepts>
#include <memory>
#include <vector>

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// Integers under a shape, in row-major order. Cheap to copy: copies share the elements, which never change.
/// Thread rule: may be read and copied by several threads at once.
class Indices {
 public:
  /// One axis without elements.
  Indices() : Indices(Shape{0}, {}) {}
  /// Errors: ShapeError where `values` does not fill `shape`.
  Indices(const Shape& shape, std::vector<std::int64_t> values);
  /// One axis.
  Indices(std::initializer_list<std::int64_t> values)
      : Indices(Shape{static_cast<index_t>(values.size())}, std::vector(values)) {}
  /// One axis, from a vector.
  Indices(std::vector<std::int64_t> values)  // NOLINT: implicit on purpose
      : Indices{Shape{static_cast<index_t>(values.size())}, std::move(values)} {}  // {}: the size goes first
  /// The values of an xtensor expression of integers.
  template <class E>
  requires(detail::XtExpression<E>&& std::integral<typename E::value_type>)
      Indices(const E& expression)  // NOLINT: implicit on purpose
      : Indices(Shape(expression.shape().begin(), expression.shape().end()),
                std::vector<std::int64_t>(expression.template begin<xt::layout_type::row_major>(),
                                          expression.template end<xt::layout_type::row_major>())) {}

  /// The extents.
  const Shape& shape() const { return shape_; }
  index_t size() const { return shape_.size(); }
  /// The first of the values, which are row-major.
  const std::int64_t* data() const { return values_->data(); }
  /// The value at a position in row-major order.
  std::int64_t operator[](index_t position) const { return data()[position]; }
  const std::int64_t* begin() const { return data(); }
  const std::int64_t* end() const { return data() + size(); }

  /// The same elements under another shape.
  /// Errors: ShapeError where the sizes differ.
  Indices reshaped(const Shape& shape) const;

 private:
  Shape shape_;
  std::shared_ptr<const std::vector<std::int64_t>> values_;
};

}  // namespace unroll
