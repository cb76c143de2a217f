#pragma once  // internal
/// \file Which steps are the first of a sequence, for cells that do something else there.

#include "unroll/autograd/recurrence_options.hpp"

namespace unroll::detail {

/// 1 at resets, and at the first step of rows where `started` (B, 1) is 0; 0 elsewhere. A constant.
/// Shapes: of x (T, B, …) → (T, B, 1).
template <class T>
Variable<T> first_steps(const Shape& x, const Variable<T>& started, const RecurrenceOptions& options);
/// `started` after the steps: 1 but where a sequence has none.
template <class T>
Variable<T> after_steps(const Shape& x, const Variable<T>& started, const RecurrenceOptions& options);

}  // namespace unroll::detail
