#pragma once
/// \file Recurrences that are linear in their state: one op over all time steps.

#include "unroll/autograd/recurrence_options.hpp"

namespace unroll {

/// A complex array as two real ones.
template <class T>
struct ComplexPair {
  using value_type = T;  ///< the number type
  Variable<T> re;        ///< the real part
  Variable<T> im;        ///< the imaginary part, of the same shape
};

/// What linear_recurrence returns; H is a Variable or a ComplexPair.
template <class H>
struct RecurrenceResult {
  H output;  ///< h_t of all steps, 0 beyond a sequence's end
  H state;   ///< after each sequence's own last step
};

/// What:   h_t = a_t ⊙ h_{t−1} + b_t over the first axis, from h_{−1} = h0.
/// Shapes: b (T, B, …), h0 (B, …), output and state likewise. a broadcasts to b or b to a: an array without the first
///         axis is constant in time, (D,) over the batch as well. Without lengths and resets B is an axis like
///         others, which need not be there.
/// Errors: ShapeError where shapes, lengths or resets do not fit; IndexError for a length outside 0 … T; UsageError for an
///         empty Variable.
/// Cost:   one pass forward and one back, which is the same recurrence reversed; h is kept, a and b are referred to.
///         Threads share the elements of a step, so that their number does not matter to any bit.
/// Source: the direct form; a prefix sum by a tree (Blelloch 1990) does more work, and one of logarithms needs a > 0.
template <class T>
RecurrenceResult<Variable<T>> linear_recurrence(const Variable<T>& a, const Variable<T>& b,
                                                const Variable<T>& h0, const RecurrenceOptions& options = {});

/// The same of complex numbers.
template <class T>
RecurrenceResult<ComplexPair<T>> linear_recurrence(const ComplexPair<T>& a, const ComplexPair<T>& b,
                                                   const ComplexPair<T>& h0,
                                                   const RecurrenceOptions& options = {});

/// The same for expressions.
template <class A, class B, class H>
requires(detail::Lazy<A> || detail::Lazy<B> ||
         detail::Lazy<H>) auto linear_recurrence(A&& a, B&& b, H&& h0,
                                                 const RecurrenceOptions& options = {}) {
  return linear_recurrence(Variable(std::forward<A>(a)), Variable(std::forward<B>(b)),
                           Variable(std::forward<H>(h0)), options);
}

}  // namespace unroll
