#pragma once  // internal
/// \file A matrix that is multiplied from the left again and again, in place.

#include <span>

#include "unroll/detail/autograd/tools/jacobian_parts.hpp"

namespace unroll::detail {

/// What:     J, in panels of as many columns as a tile of the product kernel has.
/// Lifetime: a value; copies are independent.
template <class T>
class PanelMatrix {
 public:
  PanelMatrix() = default;
  /// Zeros.
  PanelMatrix(index_t rows, index_t columns);

  /// What:   J := A J + L, with A and L the sums of their parts.
  /// Shapes: A (rows, rows), L (rows, columns).
  /// Cost:   2 · columns operations for each element of a dense part of A; num_threads() threads, if that is much work.
  ///         The bits do not depend on the number of threads. Throws, if at all, before anything is changed.
  void advance(std::span<const MatrixPart<T>> a, std::span<const OuterPart<T>> added);
  /// sums = gᵀ J, leaving out the rows where g is 0.
  void multiply_left(const T* g, T* sums) const;

  index_t columns() const { return columns_; }

 private:
  class Plan;
  T* panel(index_t p) { return values_.data() + (first_ + p) * panel_size_; }
  const T* panel(index_t p) const { return values_.data() + (first_ + p) * panel_size_; }
  void add(const OuterPart<T>& part);

  index_t rows_ = 0, columns_ = 0, panel_size_ = 0, panels_ = 0;
  index_t first_ = 0;  ///< where the panels begin: in front of or behind a place that is free
  PoolVector<T> values_;
};

extern template class PanelMatrix<float>;
extern template class PanelMatrix<double>;

}  // namespace unroll::detail
