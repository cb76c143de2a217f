#pragma once
/// \file A running maximum that decays: one op over all time steps.

#include "unroll/autograd/linear_recurrence.hpp"

namespace unroll {

/// What:   m_t = max(a_t + m_{t−1}, b_t) over the first axis, from m_{−1} = m0: the logarithm of what is in a decaying
///         memory, as far as its largest term tells. Exponentials relative to it do not overflow.
/// Shapes: a and b (T, B, …), m0 (B, …), output and state likewise. Without lengths and resets B need not be there.
/// Range:  any numbers, −∞ too. The gradient goes to the larger of the two, by halves to both where they are equal.
/// Errors: ShapeError where shapes, lengths or resets do not fit; IndexError for a length outside 0 … T; UsageError for an
///         empty Variable.
/// Cost:   one pass forward and one back. A maximum over b minus running sums of a would cancel in long sequences.
template <class T>
RecurrenceResult<Variable<T>> max_plus_recurrence(const Variable<T>& a, const Variable<T>& b,
                                                  const Variable<T>& m0,
                                                  const RecurrenceOptions& options = {});

/// The same for expressions.
template <class A, class B, class M>
requires(detail::Lazy<A> || detail::Lazy<B> ||
         detail::Lazy<M>) auto max_plus_recurrence(A&& a, B&& b, M&& m0,
                                                   const RecurrenceOptions& options = {}) {
  return max_plus_recurrence(Variable(std::forward<A>(a)), Variable(std::forward<B>(b)),
                             Variable(std::forward<M>(m0)), options);
}

}  // namespace unroll
