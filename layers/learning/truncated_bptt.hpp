#pragma once
/// \file Truncated back-propagation through time, BPTT(k1, k2).

#include <algorithm>
#include <deque>
#include <memory>
#include <optional>

#include "unroll/autograd/join.hpp"
#include "unroll/detail/autograd/core/leaf_snapshot.hpp"
#include "unroll/detail/layers/learning/leaf_state.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

struct TruncatedBpttOptions {
  index_t k1 = 1;  ///< steps from one backward pass to the next
  index_t k2 = 1;  ///< steps that a backward pass goes back
};

namespace detail {

/// The last k2 steps on the tape, cut where a backward pass begins or ends: each pass is a chain of passes
/// through the pieces, from the last to the first, with the gradient handed over at the cuts.
template <class T>
class TruncatedWindow {
 public:
  using Variables = std::vector<Variable<T>>;

  explicit TruncatedWindow(const TruncatedBpttOptions& options);

  /// Steps until the next backward pass, and until the next cut.
  index_t until_due() const { return options_.k1 - since_; }
  index_t until_cut() const { return since_ < cut_ ? cut_ - since_ : until_due(); }
  /// Steps that a backward pass has in common with the next.
  index_t overlap() const { return std::max<index_t>(0, options_.k2 - options_.k1); }
  /// Whether the next step begins a piece that others come before.
  bool at_cut() const { return started_ && (since_ == 0 || since_ == cut_); }
  /// Whether any backward pass goes through the next step.
  bool records() const { return since_ >= options_.k1 - options_.k2; }

  /// Takes `steps` more, with their output and the state after them; `start` are the leaves they were
  /// recorded from if this begins a piece. Returns the output as a leaf, whose gradient the next pass starts
  /// from.
  Variable<T> add(index_t steps, Variables start, const Variable<T>& output, Variables last);

  /// Runs back through the pieces; keeps those of the last `keep` steps for further passes.
  void backward(index_t keep);
  void clear();

 private:
  struct Piece {
    index_t steps = 0;
    Variables start, last;
    Variables outputs, shown;                     // as recorded, and as leaves
    std::shared_ptr<LeafSnapshot<T>> parameters;  // as they were, once they may be updated
  };
  void run_back(const Piece& piece, const Piece* next) const;
  void store_parameters();

  TruncatedBpttOptions options_;
  index_t cut_, since_ = 0;
  bool started_ = false;
  std::deque<Piece> pieces_;
};

extern template class TruncatedWindow<float>;
extern template class TruncatedWindow<double>;

}  // namespace detail

/// What:   trains any cell, or any function of (x, state), by BPTT(k1, k2): after every k1 steps, at t = k1,
///         2 k1, …, one backward pass over the last k2 steps. The state is carried on.
///
///     TruncatedBptt bptt(cell, initial_state(cell, B), {.k1 = 5, .k2 = 20});
///     for (…) {
///       const Variable h = bptt.step(x_t);                       // or bptt.run(xs), up to k1 steps at once
///       if (bptt.learn(mse(readout(h), target))) adam.step(), adam.zero_grad();
///     }
///
/// The pass at t carries the losses of the steps t − k1 + 1 … t, each loss once in all. The loss of step τ
/// flows back through the steps τ, τ − 1, …, t − k2 + 1, and no further: the loss of step t through k2 steps,
/// that of step t − k1 + 1 through k2 − k1 + 1. With k1 > k2 the losses of the steps up to t − k2 reach only
/// what comes after the state, such as a readout; those steps are not recorded. The sequence's start ends
/// every pass; an initial state that is computed from something is differentiated as long as passes reach it.
///
/// A pass takes every step at the values its parameters had when the step was made, also those that have been
/// updated since: with k1 < k2 the values are stored. Update parameters only between learn() that returned
/// true and the next step; what the cell is not computed from (a readout) may be updated at any time.
///
/// Errors: UsageError for k1 or k2 below 1, for a state whose visit() does not show its output, for a step when a pass is due, for more steps at once than until
///         then; and, from learn(), where a parameter or an input was changed at another time.
/// Cost:   a backward pass through k2 steps for every k1; memory for k2 steps, and for k1 < k2 that of the
///         parameters ⌈k2 / k1⌉ − 1 times. Hooks of a parameter see its gradient in pieces: one for each cut.
/// Lifetime: copies of a cell share its parameters.
/// Source: Williams and Peng 1990: BPTT(h; h′) with h = k2 ≥ h′ = k1. Any k1 and k2: Sutskever 2013, 2.8.6.
template <class Cell, class S>
class TruncatedBptt {
 public:
  using value_type = detail::state_number<S>;
  using T = value_type;

  /// Learns from the state `initial` on.
  TruncatedBptt(Cell cell, S initial, const TruncatedBpttOptions& options)
      : cell_(std::move(cell)), state_(std::move(initial)), window_(options) {
    const detail::OutputPlace output = detail::output_place(state_);
    detail::check_output_place("truncated_bptt", {.shown = output.shown});
  }

  /// One step. Returns h_t as a leaf.
  Variable<T> step(const Variable<T>& x) { return one_step(x); }
  /// The same for a cell of several inputs: `bptt.step(x, dt)`.
  template <std::convertible_to<Variable<T>>... X>
  requires(sizeof...(X) > 0) Variable<T> step(const Variable<T>& x, const X&... others) {
    return one_step(detail::step_inputs_of<Cell>("truncated_bptt", x, others...));
  }

  /// The steps of xs (n, …), n ≤ until_due(), by scan. Returns h_t of all of them, (n, B, H).
  Variable<T> run(const Variable<T>& xs) {
    if (!xs) detail::fail_empty("truncated_bptt", 0);
    const index_t steps = xs.rank() > 0 ? xs.shape()[0] : 0;
    check_steps(steps);
    detail::check_projection(cell_, xs);
    return run_parts(
        steps, [&](index_t from, index_t to) { return to - from == steps ? xs : slice(xs, 0, from, to); });
  }
  /// The same for a cell of several inputs: `bptt.run(xs, dts)`.
  template <std::convertible_to<Variable<T>>... X>
  requires(sizeof...(X) > 0) Variable<T> run(const Variable<T>& xs, const X&... others) {
    const auto inputs = detail::step_inputs_of<Cell>("truncated_bptt", xs, others...);
    const index_t steps = xs.rank() > 0 ? xs.shape()[0] : 0;
    check_steps(steps);
    return run_parts(steps, [&](index_t from, index_t to) {
      return std::apply([&](const auto&... x) { return std::tuple{slice(x, 0, from, to)...}; }, inputs);
    });
  }

  /// Takes the loss of the steps made since the last call; where a pass is due, runs it and returns true: all
  /// gradients are complete.
  bool learn(const Variable<T>& loss) {
    loss.backward();
    return learn();
  }
  /// The same for steps without a loss.
  bool learn() {
    if (window_.until_due() > 0) return false;
    window_.backward(window_.overlap());
    return true;
  }

  /// At the end of a sequence: a pass for the losses of the n steps since the last one, over the last
  /// k2 − k1 + n steps. What follows begins anew, from the state as it is.
  void finish() {
    window_.backward(0);
    reset(detach_state(state_));
  }
  /// Begins a new sequence; what was not learnt yet is forgotten.
  void reset(S initial) {
    state_ = std::move(initial);
    window_.clear();
  }

  /// Steps until the next backward pass.
  index_t until_due() const { return window_.until_due(); }
  /// The present state, as constants.
  S state() const { return detach_state(state_); }

 private:
  void check_steps(index_t steps) const {
    if (until_due() == 0)
      raise<UsageError>("truncated_bptt: a backward pass is due; call learn() before the next step");
    if (steps < 1 || steps > until_due()) {
      raise<UsageError>("truncated_bptt: need 1 to {} steps, until the next pass; got {}", until_due(),
                        steps);
    }
  }

  template <class In>
  Variable<T> one_step(const In& inputs) {
    check_steps(1);
    return advance(1, [&](const S& from) {
      S next = detail::whole_step(cell_, inputs, from);
      Variable<T> h = output_of(next);
      return Scanned<T, S>{std::move(h), std::move(next)};
    });
  }
  // inputs(from, to): what scan is given for these steps.
  template <class F>
  Variable<T> run_parts(index_t steps, F&& inputs) {
    std::vector<Variable<T>> outputs;
    for (index_t t = 0; t < steps;) {
      const index_t count = std::min(steps - t, window_.until_cut());
      const auto part = inputs(t, t + count);
      outputs.push_back(advance(count, [&](const S& from) { return scan(cell_, part, from); }));
      t += count;
    }
    return outputs.size() == 1 ? outputs[0] : concat(outputs, 0);
  }

  // f(state) makes `steps` steps, with no cut among them.
  template <class F>
  Variable<T> advance(index_t steps, F&& f) {
    if (NoGrad::active())
      raise<UsageError>("truncated_bptt: nothing is recorded inside NoGrad; step outside it");
    const bool cut = window_.at_cut();
    const S from = cut ? detail::leaf_state(state_) : state_;
    std::optional<NoGrad> off;
    if (!window_.records()) off.emplace();
    Scanned<T, S> made = f(from);
    off.reset();
    state_ = std::move(made.state);
    return window_.add(steps, cut ? detail::members_of(from) : std::vector<Variable<T>>{}, made.output,
                       detail::members_of(state_));
  }

  Cell cell_;
  S state_;
  detail::TruncatedWindow<T> window_;
};

}  // namespace unroll
