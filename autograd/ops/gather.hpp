#pragma once
/// \file Picking slices by number, and the inverse.

#include <optional>

#include "unroll/autograd/indices.hpp"

namespace unroll {

/// What:   the slices of x along `axis` whose numbers stand in `indices` (NumPy's take).
/// Shapes: x (A…, V, B…), indices (N…) → (A…, N…, B…).
/// Errors: IndexError naming position, value and range; IndexError for the axis; ShapeError above rank 5.
template <class T>
Variable<T> gather(const Variable<T>& x, const Indices& indices, int axis = 0);

/// What:   adds slices to zeros: y[indices[n]] += x[n] along `axis`; the gradient of gather.
/// Shapes: x (A…, N…, B…), indices (N…) → (A…, extent, B…).
/// Errors: IndexError as above; ShapeError where x does not have the axes of `indices` at `axis`.
template <class T>
Variable<T> scatter_add(const Variable<T>& x, const Indices& indices, index_t extent, int axis = 0);

/// What:   row indices[n] of `weight` for each n.
/// Shapes: weight (V, E), indices (N…) → (N…, E).
/// Range:  the row number `padding` gets no gradient.
/// Errors: ShapeError unless weight is a matrix; IndexError naming position, value and range.
/// Cost:   one copy; backward adds N rows to a dense gradient (V, E).
template <class T>
Variable<T> embedding(const Variable<T>& weight, const Indices& indices,
                      std::optional<std::int64_t> padding = {});

/// What:   1 at the place that each index names, else 0, as a constant: `one_hot<float>(tokens, V)`.
/// Shapes: indices (N…) → (N…, extent).
/// Errors: IndexError naming position, value and range; ShapeError for a negative extent.
template <class T>
Variable<T> one_hot(const Indices& indices, index_t extent);

/// The same for expressions.
template <detail::Lazy E>
auto gather(E&& x, const Indices& indices, int axis = 0) {
  return gather(Variable(std::forward<E>(x)), indices, axis);
}
template <detail::Lazy E>
auto scatter_add(E&& x, const Indices& indices, index_t extent, int axis = 0) {
  return scatter_add(Variable(std::forward<E>(x)), indices, extent, axis);
}
template <detail::Lazy E>
auto embedding(E&& weight, const Indices& indices, std::optional<std::int64_t> padding = {}) {
  return embedding(Variable(std::forward<E>(weight)), indices, padding);
}

}  // namespace unroll
