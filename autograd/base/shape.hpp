#pragma once
/// \file Shape: the extents of an array of rank 0 to 5.

#include "unroll/detail/config.hpp"  // first: it refuses what cannot work
//
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace unroll {

/// Extents, indices and counts.
using index_t = std::ptrdiff_t;

/// The extents of a row-major array, rank 0 (a scalar) to 5.
/// Errors: a negative extent, a rank above 5, a size that overflows, and more than 2^31 rows without elements throw ShapeError.
class Shape {
 public:
  static constexpr int max_rank = 5;  ///< the largest rank

  Shape() = default;
  /// `Shape{3, 4}`.
  Shape(std::initializer_list<index_t> extents) { assign(extents.begin(), extents.end()); }
  /// The extents of a range.
  template <class Iterator>
  Shape(Iterator first, Iterator last) {
    assign(first, last);
  }

  /// The number of axes.
  int rank() const { return rank_; }
  /// Number of elements; 1 for a scalar.
  index_t size() const { return size_; }
  /// The extent of an axis, counted from the front; unchecked.
  index_t operator[](int axis) const { return extents_[static_cast<std::size_t>(axis)]; }
  /// Extent of axis counted from the end: `back(0)` is the last; 1 where the rank is smaller.
  index_t back(int k) const { return k < rank_ ? (*this)[rank_ - 1 - k] : 1; }
  const index_t* begin() const { return extents_.data(); }
  const index_t* end() const { return extents_.data() + rank_; }

  /// Whether ranks and extents are equal.
  bool operator==(const Shape& other) const {
    if (rank_ != other.rank_) return false;
    for (int k = 0; k < rank_; ++k)
      if ((*this)[k] != other[k]) return false;
    return true;
  }

  /// Product of the extents of axes [first, last).
  index_t product(int first, int last) const;
  /// The same shape with one extent replaced, removed, or inserted before `axis`.
  Shape with(int axis, index_t extent) const;
  /// Without this axis.
  Shape without(int axis) const;
  /// With one more axis, before `axis`.
  Shape inserted(int axis, index_t extent) const;
  /// "(3, 4)"; "()" for a scalar, "(3,)" for a vector.
  std::string str() const;

 private:
  template <class Iterator>
  void assign(Iterator first, Iterator last) {
    for (; first != last; ++first) push(static_cast<index_t>(*first));
    finish();
  }
  void push(index_t extent);
  void finish();

  std::array<index_t, max_rank> extents_{};
  index_t size_ = 1;
  int rank_ = 0;
};

/// The axis in 0 … rank − 1 for `axis` in −rank … rank − 1, else IndexError naming `op`.
int normalise_axis(std::string_view op, int axis, int rank);

/// NumPy's broadcast of two shapes, else ShapeError naming `op` and both.
Shape broadcast(std::string_view op, const Shape& a, const Shape& b);

}  // namespace unroll
