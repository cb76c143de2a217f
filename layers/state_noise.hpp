#pragma once
/// \file Noise on the state of any cell: recurrent dropout and zoneout.

#include "autograd/functions.hpp"
#include "autograd/random.hpp"
#include "layers/sequence_plan.hpp"
#include "layers/state.hpp"

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
  RandomKey key = {};
  bool training = true;

  bool any() const { return (training && dropout > 0) || zoneout > 0 || zoneout_memory > 0; }
};

namespace detail {

/// Errors: UsageError where a probability is not in [0, 1).
void check_noise(const StateNoise& noise);

/// 1 / (1 − dropout) or 0 for each element of h. Shapes: (rows of the first step, …).
template <class T>
Variable<T> dropout_mask(const StateNoise& noise, const SequencePlan& plan, const Shape& h);

/// 1 where the value from before step k is kept, else 0. Shapes: (rows of the step, …).
template <class T>
Variable<T> zoneout_mask(const StateNoise& noise, const SequencePlan& plan, index_t k, const Shape& member,
                         std::size_t number);

/// What: s'_m = z ⊙ s_m + (1 − z) ⊙ s̃_m for each member m of the state.
template <class T, class S>
S zone_out(const StateNoise& noise, const SequencePlan& plan, index_t k, S before, S after) {
  std::vector<Variable<T>> old;
  visit_state(before, [&](std::string_view, Variable<T>& v) { old.push_back(v); });
  std::size_t m = 0;
  visit_state(after, [&](std::string_view, Variable<T>& v) {
    const std::size_t number = m++;
    const double p = number == 0 ? noise.zoneout : noise.zoneout_memory;
    if (!v || p == 0) return;
    const Variable<T>& from = old[number];
    if (noise.training) {
      v = where(zoneout_mask<T>(noise, plan, k, v.shape(), number), from, v);
    } else {
      v = lerp(v, from, p);
    }
  });
  return after;
}

}  // namespace detail
}  // namespace unroll
