#pragma once
/// \file Elements in other places: flip, roll, pad, tile.

#include <vector>

#include "unroll/autograd/axes.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What:   x with its elements in reverse order along `axes` (none: all), a copy.
/// Errors: IndexError for an axis outside the rank or named twice.
template <class T>
Variable<T> flip(const Variable<T>& x, const Axes& axes = {});

/// What:   the elements moved by `shift` places along `axis`; those that leave at the end return at the beginning.
///         A negative shift moves them to the beginning.
/// Errors: IndexError for the axis.
template <class T>
Variable<T> roll(const Variable<T>& x, index_t shift, int axis);

/// How many elements pad adds along an axis.
struct PadWidth {
  index_t before = 0;  ///< in front of the first
  index_t after = 0;   ///< behind the last
};

/// What:   x with elements `value` around it: `pad(x, {{1, 0}, {2, 2}})`.
/// Shapes: axis k grows by widths[k].before + widths[k].after.
/// Errors: ShapeError unless `widths` has one entry for each axis, for a negative width, and for a size that overflows.
template <class T>
Variable<T> pad(const Variable<T>& x, const std::vector<PadWidth>& widths,
                std::type_identity_t<T> value = T{0});

/// What:   x repeated along each axis: `tile(x, {2, 3})`. The shorter of shape and `repeats` is filled with ones in
///         front, as in NumPy.
/// Errors: ShapeError for a negative number, a rank above 5 or a size that overflows.
/// Cost:   one copy for each axis that is repeated.
template <class T>
Variable<T> tile(const Variable<T>& x, const std::vector<index_t>& repeats);

/// The same for expressions.
template <detail::Lazy E>
auto flip(E&& x, const Axes& axes = {}) {
  return flip(Variable(std::forward<E>(x)), axes);
}
/// The same for expressions.
template <detail::Lazy E>
auto roll(E&& x, index_t shift, int axis) {
  return roll(Variable(std::forward<E>(x)), shift, axis);
}
/// The same for expressions.
template <detail::Lazy E, class T = typename std::decay_t<E>::value_type>
auto pad(E&& x, const std::vector<PadWidth>& widths, std::type_identity_t<T> value = T{0}) {
  return pad(Variable(std::forward<E>(x)), widths, value);
}
/// The same for expressions.
template <detail::Lazy E>
auto tile(E&& x, const std::vector<index_t>& repeats) {
  return tile(Variable(std::forward<E>(x)), repeats);
}

}  // namespace unroll
