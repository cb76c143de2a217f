#include "unroll/autograd/shape.hpp"

#include <limits>

#include "unroll/autograd/error.hpp"

namespace unroll {
namespace {

// Elements of 16 bytes must still be addressable. Loops over the axes of an array without elements must end.
constexpr index_t largest_size = std::numeric_limits<index_t>::max() / 16,
                  most_without_elements = index_t{1} << 31;

void check_axis(const char* function, const Shape& shape, int axis, int last) {
  if (axis < 0 || axis > last)
    raise<IndexError>("shape: {}: axis {} is outside {}, of rank {}", function, axis, shape.str(),
                      shape.rank());
}

}  // namespace

void Shape::push(index_t extent) {
  if (rank_ == max_rank) raise<ShapeError>("shape: the rank is at most {}; got {} and more", max_rank, str());
  extents_[rank_++] = extent;
}

void Shape::finish() {
  bool negative = false, empty = false, overflows = false;
  index_t size = 1;
  for (index_t extent : *this) {  // no branches and no quotients: shapes are made in every step
    negative |= extent < 0;
    empty |= extent == 0;
    // An axis without elements counts as one: the product of any axes, which loops and strides are made of, must fit.
    overflows |= __builtin_mul_overflow(size, extent + (extent == 0), &size);
  }
  if (negative) raise<ShapeError>("shape: extents must not be negative; got {}", str());
  if (overflows || size > (empty ? most_without_elements : largest_size))
    raise<ShapeError>("shape: {} has {}", str(),
                      empty ? "no elements, but too many rows" : "too many elements");
  size_ = empty ? 0 : size;
}

index_t Shape::product(int first, int last) const {
  if (first >= last) return 1;
  check_axis("product", *this, first, rank_ - 1);
  check_axis("product", *this, last, rank_);
  index_t p = 1;
  for (int i = first; i < last; ++i) p *= extents_[i];
  return p;
}

Shape Shape::with(int axis, index_t extent) const {
  check_axis("with", *this, axis, rank_ - 1);
  Shape s = *this;
  s.extents_[axis] = extent;
  s.finish();
  return s;
}

Shape Shape::without(int axis) const {
  check_axis("without", *this, axis, rank_ - 1);
  Shape s;
  for (int i = 0; i < rank_; ++i)
    if (i != axis) s.push(extents_[i]);
  s.finish();
  return s;
}

Shape Shape::inserted(int axis, index_t extent) const {
  check_axis("inserted", *this, axis, rank_);
  Shape s;
  for (int i = 0; i <= rank_; ++i) {
    if (i == axis) s.push(extent);
    if (i < rank_) s.push(extents_[i]);
  }
  s.finish();
  return s;
}

std::string Shape::str() const {
  std::string text = "(";
  for (int i = 0; i < rank_; ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(extents_[i]);
  }
  return text + (rank_ == 1 ? ",)" : ")");
}

int normalise_axis(std::string_view op, int axis, int rank) {
  if (axis < -rank || axis >= rank) {
    raise<IndexError>("{}: axis {} is outside an array of rank {}", op, axis, rank);
  }
  return axis < 0 ? axis + rank : axis;
}

Shape broadcast(std::string_view op, const Shape& a, const Shape& b) {
  if (a == b) return a;
  const int rank = a.rank() > b.rank() ? a.rank() : b.rank();
  std::array<index_t, Shape::max_rank> extents{};
  for (int k = 0; k < rank; ++k) {
    const index_t m = a.back(k), n = b.back(k);
    if (m != n && m != 1 && n != 1) {
      raise<ShapeError>("{}: shapes do not broadcast; got {} and {}", op, a.str(), b.str());
    }
    extents[rank - 1 - k] = m == 1 ? n : m;
  }
  return Shape(extents.begin(), extents.begin() + rank);
}

}  // namespace unroll
