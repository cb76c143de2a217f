#pragma once
/// \file Views: parts of an array, or an array in another shape, that share its value and its gradient.

#include <array>
#include <limits>
#include <span>
#include <vector>

#include "unroll/detail/autograd/ops/view_parts.hpp"

namespace unroll {

/// What:   x in `parts` equal pieces along `axis`, as views.
/// Errors: ShapeError where the extent is not a multiple of `parts`; IndexError for the axis.
template <class T>
std::vector<Variable<T>> chunk(const Variable<T>& x, index_t parts, int axis = -1);

/// The same with the number known to the compiler: `auto [i, f, g, o] = chunk<4>(gates);`.
template <std::size_t Parts, class T>
std::array<Variable<T>, Parts> chunk(const Variable<T>& x, int axis = -1) {
  std::array<Variable<T>, Parts> parts;
  detail::chunk_into(x, axis, std::span<Variable<T>>(parts));
  return parts;
}
template <std::size_t Parts, class E>
requires detail::Lazy<E>
auto chunk(E&& x, int axis = -1) {
  return chunk<Parts>(Variable<typename std::decay_t<E>::value_type>(std::forward<E>(x)), axis);
}

/// What:   the slices x[0], x[1], … along `axis`, which is dropped, as views.
template <class T>
std::vector<Variable<T>> unbind(const Variable<T>& x, int axis = 0);

/// For slice: up to the end of the axis.
inline constexpr index_t to_end = std::numeric_limits<index_t>::max();

/// What:   x[begin, end) along `axis` as a view; with step ≠ 1 a copy. Negative bounds count from the end,
///         as in Python, but a bound outside the array is an IndexError.
template <class T>
Variable<T> slice(const Variable<T>& x, int axis, index_t begin, index_t end = to_end, index_t step = 1);

/// What:   x[index] along `axis`, which is dropped, as a view.
template <class T>
Variable<T> select(const Variable<T>& x, int axis, index_t index);

/// What:   the same elements in row-major order under another shape, as a view where x is dense. One extent
///         may be −1: it is computed.
/// Errors: ShapeError where the sizes differ.
template <class T>
Variable<T> reshape(const Variable<T>& x, const Shape& shape);
/// The same: `reshape(x, {3, -1})`.
template <class T>
Variable<T> reshape(const Variable<T>& x, std::initializer_list<index_t> extents);
/// The same for expressions.
template <detail::Lazy E>
auto reshape(E&& x, std::initializer_list<index_t> extents) {
  return reshape(Variable(std::forward<E>(x)), extents);
}

/// x itself where its elements lie in one piece, else a copy (a recorded op) where they do.
template <class T>
Variable<T> dense(const Variable<T>& x);

/// The same for expressions.
template <detail::Lazy E>
auto chunk(E&& x, index_t parts, int axis = -1) {
  return chunk(Variable(std::forward<E>(x)), parts, axis);
}
/// The same for expressions.
template <detail::Lazy E>
auto unbind(E&& x, int axis = 0) {
  return unbind(Variable(std::forward<E>(x)), axis);
}
/// The same for expressions.
template <detail::Lazy E>
auto dense(E&& x) {
  return dense(Variable(std::forward<E>(x)));
}
/// The same for expressions.
template <detail::Lazy E>
auto reshape(E&& x, const Shape& shape) {
  return reshape(Variable(std::forward<E>(x)), shape);
}
/// The same for expressions.
template <detail::Lazy E>
auto slice(E&& x, int axis, index_t begin, index_t end = to_end, index_t step = 1) {
  return slice(Variable(std::forward<E>(x)), axis, begin, end, step);
}
/// The same for expressions.
template <detail::Lazy E>
auto select(E&& x, int axis, index_t index) {
  return select(Variable(std::forward<E>(x)), axis, index);
}

}  // namespace unroll
