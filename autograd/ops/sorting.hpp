#pragma once
/// \file Elements by size: sort and topk.

#include "unroll/autograd/indices.hpp"

namespace unroll {

/// Elements in a new order, and where each of them was.
template <class T>
struct Sorted {
  Variable<T> values;  ///< each passes its gradient to the element that it came from
  Indices indices;     ///< the places along the axis, under the shape of `values`
};

/// How sort orders.
struct SortOptions {
  bool descending = false;  ///< the largest first
};

/// Which elements topk takes.
struct TopkOptions {
  bool largest = true;  ///< else the smallest
};

/// What:   the elements along `axis` in ascending order. Those that are equal keep their order.
/// Shapes: that of x, for values and indices.
/// Range:  NaN counts as the largest, as in NumPy: it stands last, in descending order first.
/// Errors: IndexError for an axis outside the rank.
/// Source: PyTorch's sort with stable=True.
template <class T>
Sorted<T> sort(const Variable<T>& x, int axis = -1, const SortOptions& options = {});

/// What:   the k largest elements along `axis`, the largest first, or the k smallest, the smallest first. Of those that
///         are equal the first are taken.
/// Shapes: that of x with extent k.
/// Range:  NaN counts as the largest.
/// Errors: IndexError for an axis outside the rank, and unless 0 ≤ k ≤ its extent.
/// Source: PyTorch's topk.
template <class T>
Sorted<T> topk(const Variable<T>& x, index_t k, int axis = -1, const TopkOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto sort(E&& x, int axis = -1, const SortOptions& options = {}) {
  return sort(Variable(std::forward<E>(x)), axis, options);
}
/// The same for expressions.
template <detail::Lazy E>
auto topk(E&& x, index_t k, int axis = -1, const TopkOptions& options = {}) {
  return topk(Variable(std::forward<E>(x)), k, axis, options);
}

}  // namespace unroll
