#pragma once
/// \file Products over named axes.

#include <string_view>

#include "unroll/autograd/variable.hpp"
#include "unroll/detail/autograd/core/unevaluated.hpp"

namespace unroll {

/// What:   Σ a · b over axes that letters name: `einsum("bik,bkj->bij", a, b)`. A letter names an axis of each
///         operand in which it stands; products are summed over the letters that the output lacks. Without `->` the
///         output has the letters that stand once, in alphabetical order (capitals first), as in NumPy.
/// Shapes: one letter for each axis; axes with one letter have one extent.
/// Errors: UsageError for an equation that does not name two operands, holds anything but letters, spaces, a comma
///         and an arrow, repeats a letter in one operand or in the output, or has an output letter that no operand has;
///         ShapeError where letters and shapes do not fit, and for an output of more than 5 axes.
/// Cost:   axes that must move for one matrix product, or one for each batch index, are copied.
template <class T>
Variable<T> einsum(std::string_view equation, const Variable<T>& a, const detail::Same<Variable<T>>& b);

/// What:   y_ij = a_i b_j.
/// Shapes: a (M,), b (N,) → (M, N).
/// Errors: ShapeError naming both.
template <class T>
Variable<T> outer(const Variable<T>& a, const detail::Same<Variable<T>>& b);

/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto einsum(std::string_view equation, E&& a, const detail::Same<V>& b) {
  return einsum(equation, V(std::forward<E>(a)), b);
}
/// The same for expressions.
template <detail::Lazy E, class V = Variable<typename std::decay_t<E>::value_type>>
auto outer(E&& a, const detail::Same<V>& b) {
  return outer(V(std::forward<E>(a)), b);
}
/// Refuses to mix float and double.
template <class A, class B>
requires detail::Mixed<A, B>
auto einsum(std::string_view, const A& a, const B&) {
  detail::refuse_mixed<A, B>();
  return a;
}
/// Refuses to mix float and double.
template <class A, class B>
requires detail::Mixed<A, B>
auto outer(const A& a, const B&) {
  detail::refuse_mixed<A, B>();
  return a;
}

}  // namespace unroll
