#pragma once  // internal
/// \file The gradient of linear_attention as recorded ops, step by step.

#include <array>

#include "unroll/autograd/linear_attention.hpp"

namespace unroll::detail::attention {

/// The inputs of a call by what they are; bonus stands last but one.
enum Role { q_role, k_role, v_role, decay_role, beta_role, a_role, b_role, bonus_role, state_role, roles };
template <class T>
using ByRole = std::array<Variable<T>, roles>;

/// What:   the gradients of the inputs, from those of output and last state; either may be empty, for zeros.
template <class T>
ByRole<T> recorded_slopes(LinearAttentionRule rule, double scale, const Indices& lengths,
                          const ByRole<T>& inputs, const Variable<T>& output_slope,
                          const Variable<T>& state_slope);

/// What:   output and state of a call of one step, by products and elementwise ops.
template <class T>
std::vector<Variable<T>> recorded_step(LinearAttentionRule rule, T scale, const ByRole<T>& inputs);

}  // namespace unroll::detail::attention
