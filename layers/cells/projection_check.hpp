#pragma once  // internal
/// \file A check that the projection of a cell treats each time step alone.

#include <functional>

#include "unroll/autograd/variable.hpp"

namespace unroll::detail {

/// What:   compares what `project` makes of xs (T, …) with what it makes of its halves; one step x (…) is
///         checked together with 1 − x as a second one.
/// Returns whether that told anything: not for T < 2, for zeros at the seam, or where project throws.
/// Errors: UsageError where they differ by more than rounding.
template <class T>
bool projects_steps_alone(const std::function<Variable<T>(const Variable<T>&)>& project,
                          const Variable<T>& xs, bool one_step);

}  // namespace unroll::detail
