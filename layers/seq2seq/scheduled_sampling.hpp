#pragma once
/// \file Scheduled sampling: training a decoder on what it would have said itself.

#include "unroll/autograd/indices.hpp"
#include "unroll/autograd/random.hpp"

namespace unroll {

/// With probability `rate` a symbol that the model draws takes the place of the true one as the next input. A
/// schedule makes the rate grow: `.rate = 1 - inverse_sigmoid_decay(1000)(step)` (unroll/optim/schedule.hpp).
/// Source: Bengio, Vinyals, Jaitly, Shazeer 2015.
struct ScheduledSampling {
  double rate = 0;     ///< 0 … 1; 0 is teacher forcing
  RandomKey key = {};  ///< of the choices: its step is to count the steps of training
};

/// What:   the inputs at step t: symbols of `truth`, or drawn from `logits` of the step before.
/// Shapes: truth (B,), logits (B, V) → (B,).
/// Errors: UsageError for a rate outside 0 … 1 or a t outside 0 … 2⁴⁰; DataError where logits are not finite.
template <class T>
Indices scheduled_inputs(const Indices& truth, const Variable<T>& logits, const ScheduledSampling& sampling,
                         index_t t);

}  // namespace unroll
