#pragma once
/// \file The candidates of minGRU and minLSTM.

#include "unroll/autograd/functions.hpp"

namespace unroll {

/// What:   g(v) = v + ½ if v ≥ 0, else σ(v), which is positive; an expression.
/// Source: Feng et al. 2024, "Were RNNs All We Needed?", appendix B.
template <detail::Operand X>
auto positive_candidate(const X& v) {
  return where(v >= 0.0, v + 0.5, sigmoid(v));
}

}  // namespace unroll
