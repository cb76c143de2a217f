#pragma once
/// \file The loss of connectionist temporal classification.

#include "unroll/autograd/losses.hpp"

namespace unroll {

struct CtcLossOptions {
  std::int64_t blank = 0;                 ///< the class that stands for no symbol
  Reduction reduction = Reduction::mean;  ///< of the losses of all sequences
  bool zero_infinity = false;             ///< whether a target that cannot be aligned has loss 0, not ∞
};

/// What:   −ln of the probability of a target: the sum over all paths of one class for each step that become the target
///         when first repetitions and then blanks are left out. `mean` divides each loss by the length of its target (by 1
///         if that is 0), and takes the mean of these, as in PyTorch.
/// Shapes: log_probs (T, B, V), such as log_softmax(logits); targets (B, S), of which each row is read as far as its
///         length, or all targets one after the other (Σ target_lengths); both lengths (B) → () or, for none, (B).
/// Range:  input_lengths 0 … T, target_lengths 0 … S, targets 0 … V − 1 without the blank. Where a target does not fit, for
///         it needs a step for each symbol and one more between two equal ones, or has probability 0, the loss is ∞, or 0
///         with zero_infinity, and the gradient is 0 (PyTorch's is NaN without zero_infinity).
/// Units:  nats.
/// Errors: ShapeError; IndexError naming position, value and range; UsageError for a target that is the blank and for the
///         mean of nothing.
/// Cost:   T · (2 S + 1) steps for each sequence, in double; backward needs no more than the gradient, which is computed
///         with the value and takes as much memory as log_probs. A second derivative records some ops for each step.
///         The gradient is that of this function, minus the probability that a step has a class on a path of the target;
///         PyTorch adds the probability of the class, which log_softmax's gradient leaves out again.
/// Source: Graves, Fernández, Gomez, Schmidhuber 2006; the conventions of PyTorch's CTCLoss.
template <class T>
Variable<T> ctc_loss(const Variable<T>& log_probs, const Indices& targets, const Indices& input_lengths,
                     const Indices& target_lengths, const CtcLossOptions& options = {});

/// The same for expressions.
template <detail::Lazy E>
auto ctc_loss(E&& log_probs, const Indices& targets, const Indices& input_lengths,
              const Indices& target_lengths, const CtcLossOptions& options = {}) {
  return ctc_loss(Variable(std::forward<E>(log_probs)), targets, input_lengths, target_lengths, options);
}

}  // namespace unroll
