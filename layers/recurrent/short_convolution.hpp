#pragma once  // internal
/// \file The short causal convolution before a recurrence, with a state whose rows are those of the batch.

#include "unroll/autograd/permute.hpp"
#include "unroll/autograd/recurrence_options.hpp"
#include "unroll/layers/causal_conv1d_layer.hpp"
#include "unroll/layers/scanned.hpp"

namespace unroll::detail {

/// All steps of a depthwise convolution.
/// Shapes: x (T, B, D), state (B, K − 1, D).
template <class T>
Scanned<T, Variable<T>> short_convolution(const CausalConv1d<T>& layer, const Variable<T>& x,
                                          const Variable<T>& state, const RecurrenceOptions& o) {
  auto [output, after] =
      layer(x, {.state = permute(state, {1, 0, 2}), .lengths = o.lengths, .resets = o.resets});
  return {std::move(output), permute(after, {1, 0, 2})};
}

}  // namespace unroll::detail
