#pragma once
/// \file What attention returns.

#include "unroll/autograd/variable.hpp"

namespace unroll {

/// What was read, and how much of it came from where: context = Σ_t weights_t · values_t.
/// Shapes: context (B, F), weights (B, T).
template <class T>
struct Attended {
  Variable<T> context, weights;
};

}  // namespace unroll
