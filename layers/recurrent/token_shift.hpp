#pragma once  // internal
/// \file The token shift: what stood one step earlier.

#include "unroll/detail/layers/recurrent/short_convolution.hpp"

namespace unroll::detail {

/// x' of all steps, and the last x of each sequence; a sequence begins behind zeros. As a convolution with the taps 1
/// and 0, so that resets and lengths are its affair.
/// Shapes: x (T, B, D), before (B, D).
template <class T>
Scanned<T, Variable<T>> token_shift(const Variable<T>& x, const Variable<T>& before,
                                    const RecurrenceOptions& o) {
  Variable<T> taps({x.shape()[2], 2}, T{0});
  for (index_t k = 0; k < taps.size(); k += 2) taps.mutable_data()[k] = T{1};
  auto [output, after] = causal_conv1d(
      x, taps, {},
      {.state = reshape(before, before.shape().inserted(0, 1)), .lengths = o.lengths, .resets = o.resets});
  return {std::move(output), select(after, 0, 0)};
}

}  // namespace unroll::detail
