#pragma once
/// \file Noise on the state of any cell: recurrent dropout and zoneout.

#include "unroll/autograd/random.hpp"
#include "unroll/detail/layers/scan/sequence_plan.hpp"
#include "unroll/layers/state.hpp"

namespace unroll {

/// Random perturbation of the state from step to step, while training.
/// Masks are functions of the key, the time step and the row of the batch alone.
struct StateNoise {
  /// The probability with which an element of h is dropped before each step; one mask for a whole sequence.
  /// Source: Gal and Ghahramani 2016, A theoretically grounded application of dropout in recurrent networks.
  double dropout = 0;
  /// The probability with which an element of h keeps its value from the step before, and the same for the
  /// other members of the state. Evaluation takes the mean of both values.
  /// Source: Krueger et al. 2017, Zoneout (their best for an LSTM: 0.05 and 0.5).
  double zoneout = 0, zoneout_memory = 0;
  RandomKey key = {};    ///< of the masks
  bool training = true;  ///< else nothing is dropped

  /// Whether anything is dropped.
  bool drops() const { return training && dropout > 0; }
  /// Whether anything is kept, or mixed.
  bool zones() const { return zoneout > 0 || zoneout_memory > 0; }
};

namespace detail {

/// Errors: UsageError where a probability is not in [0, 1).
void check_noise(const StateNoise& noise);

/// 1 / (1 − dropout) or 0 for each element of h.
/// Shapes: (rows of the first step, …).
template <class T>
Variable<T> dropout_mask(const StateNoise& noise, const SequencePlan& plan, const Shape& h);

/// What: s'_m = z ⊙ s_m + (1 − z) ⊙ s̃_m for each member m of the state; number `output` is h.
template <class T>
std::vector<Variable<T>> zone_out(const StateNoise& noise, const SequencePlan& plan, index_t k,
                                  const std::vector<Variable<T>>& before, std::vector<Variable<T>> after,
                                  std::size_t output);
/// The same for a state as the cell has it.
template <class S>
S zone_out_state(const StateNoise& noise, const SequencePlan& plan, index_t k, const S& before, S after) {
  return with_members(after,
                      zone_out(noise, plan, k, members_of(before), members_of(after), output_number(before)));
}

}  // namespace detail
}  // namespace unroll
