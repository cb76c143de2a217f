#pragma once  // internal
/// \file States as leaves, from which learning step by step begins.

#include "unroll/layers/state.hpp"

namespace unroll::detail {

/// The same values as leaves that take part in gradients.
template <class S>
S leaf_state(const S& state) {
  return map_state(state, [](const auto& v) { return v.detach().requires_grad(true); });
}

}  // namespace unroll::detail
