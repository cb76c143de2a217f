#pragma once  // internal
/// \file What linear_attention must be given.

#include "unroll/detail/autograd/ops/linear_attention_recorded.hpp"

namespace unroll::detail::attention {

/// Errors: those of linear_attention, but for the values of decay.
template <class T>
void check_call(const ByRole<T>& in, const LinearAttentionOptions<T>& options);

/// Errors: UsageError for an element above 0. `decay` is dense.
template <class T>
void check_decay(const Variable<T>& decay);

}  // namespace unroll::detail::attention
