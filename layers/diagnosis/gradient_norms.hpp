#pragma once
/// \file Vanishing and exploding gradients, measured: how much a loss depends on each state of a recurrence.

#include <string>
#include <vector>

#include "unroll/detail/layers/scan/observe.hpp"

namespace unroll {

/// What:   ‖∂L/∂s_t‖ for every state s_t that scan computes on this thread while this lives, for any cell:
///
///     GradientNorms<float> norms;
///     const Variable<float> loss = mse(answer(rnn(x).output), target);
///     for (const auto& s : norms.per_step(loss)) plot(s.layer, s.member, s.norms);
///
/// Units:  the Euclidean norm over batch and units. What a state passes on within its own step counts as its
///         own: an LSTM's c includes the way through the h of the same step.
/// Errors: UsageError from a scan whose state has other members after a step than before the first.
/// Cost:   each measurement is a backward pass. Neither stored gradients nor the tape of the loss change; the
///         states, and what they were computed from, are kept until clear().
template <class T>
class GradientNorms final : private detail::StateObserver<T> {
 public:
  /// The norms for a member of a layer's state.
  struct Series {
    std::string layer;          ///< "layer 0", "layer 0 reverse"; names of NameScopes come first
    std::string member;         ///< of the state: "h", "c"
    std::vector<double> norms;  ///< one for each step, or lag
  };

  /// norms[t] = ‖∂loss/∂s_t‖; steps count in the order in which the layer takes them.
  /// Errors: UsageError before any scan, and for scans under NoGrad or with recomputation, which keep no
  ///         states.
  std::vector<Series> per_step(const Variable<T>& loss) const;
  /// norms[k] = ‖∂loss/∂s_{step−k}‖, for a loss that looks at nothing after `step`; −1: the last step.
  /// Errors: as per_step; IndexError for a step that a layer has not made.
  std::vector<Series> per_lag(const Variable<T>& loss, index_t step = -1) const;
  /// Forgets the states seen so far.
  void clear() { seen_.clear(); }

 private:
  struct Seen {
    std::shared_ptr<const detail::Recurrence> recurrence;
    std::string member;
    std::vector<Variable<T>> states;
    bool on_tape;
  };
  void see(const detail::StepContext& step, const std::vector<Variable<T>>& state) override;

  std::vector<Seen> seen_;
};

extern template class GradientNorms<float>;
extern template class GradientNorms<double>;

}  // namespace unroll
