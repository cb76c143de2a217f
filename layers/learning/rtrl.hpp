#pragma once
/// \file Real-time recurrent learning: the exact gradient at every step, carried forward in time.

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/tools/panel_matrix.hpp"
#include "unroll/detail/autograd/tools/step_jacobian.hpp"
#include "unroll/detail/layers/cells/cell_calls.hpp"
#include "unroll/detail/layers/learning/leaf_state.hpp"
#include "unroll/layers/initial_state.hpp"
#include "unroll/layers/module.hpp"

namespace unroll {

namespace detail {

/// J = ∂s/∂θ: how the state s depends on all parameters θ, one row for each number of the state.
template <class T>
class Influence {
 public:
  /// Errors: UsageError where no parameter requires a gradient.
  Influence(const std::vector<Variable<T>>& parameters, const std::vector<Variable<T>>& initial);

  /// J := ∂s'/∂s J + ∂s'/∂θ, for s' (`after`) recorded from the leaves s (`before`).
  void advance(const std::vector<Variable<T>>& before, const std::vector<Variable<T>>& after);

  /// θ.grad += gᵀ J, with g the gradients stored in the leaves `state`, which are forgotten.
  void backward(std::vector<Variable<T>> state) const;

  index_t parameter_count() const { return j_.columns(); }

 private:
  std::vector<Variable<T>> parameters_;
  PanelMatrix<T> j_;
  StepJacobian<T> step_;
};

extern template class Influence<float>;
extern template class Influence<double>;

}  // namespace detail

/// What:   trains a recurrent network step by step without a window: with s_t = step(x_t, s_{t−1}),
///         J_t = ∂s_t/∂s_{t−1} J_{t−1} + ∂s_t/∂θ is carried along; a loss L(s_t) gives ∂L/∂s_t J_t at once.
///
///     Rtrl rtrl(cell, initial_state(cell, 1));
///     for (…) {
///       const Variable y = readout(rtrl.step(x_t));
///       rtrl.backward(mse(y, target));
///       adam.step(), adam.zero_grad();
///     }
///
/// The gradients of all steps add up to that of back-propagation through the whole past, exactly, as long as
/// the parameters stay the same. They may be updated after every step: J then mixes what steps contributed at
/// the parameters each was made with, as is usual for RTRL, and is right in the limit of small updates.
///
/// θ are the parameters of the cell that require a gradient at the start; or, for a function of (x, state) or
/// an x_t that is computed from further parameters, those given. What is computed from h_t, the readout and
/// its parameters, is differentiated by the tape. The cell may mix the rows of a batch.
///
/// Shapes: x_t as the cell wants it; the state keeps its shapes.
/// Errors: UsageError where nothing requires a gradient, inside NoGrad, or where the state's visit() does not
///         show its output or a member is empty at first; ShapeError where the state changes
///         its shape. A step that throws changes nothing.
/// Cost:   for a state of N numbers in each of B rows and P parameters: memory B N P numbers, and for each step
///         2 B N² P operations (B times that where rows mix; half for an LSTM, whose c acts on one number of c and
///         of h only), against about 6 B P operations and memory that grows with T for BPTT. Ops of the
///         step that are neither elementwise, linear, cuts nor look-ups run backward B N times; so does the
///         whole step where a weight of linear is itself computed, where a value has hooks, and in anomaly mode.
/// Lifetime: copies of the cell share its parameters.
/// Source: Williams and Zipser 1989.
template <class Cell, class S>
class Rtrl {
 public:
  using value_type = detail::state_number<S>;
  using T = value_type;

  /// Learns all parameters of `cell`, a module, from state s_0 on.
  Rtrl(Cell cell, S initial) requires Module<Cell> : Rtrl(cell, initial, variables(cell)) {}
  /// Learns `parameters`, which the step, its inputs or the initial state are computed from.
  Rtrl(Cell cell, S initial, const std::vector<Variable<T>>& parameters)
      : cell_(std::move(cell)),
        influence_(parameters, detail::members_of(initial)),
        state_(detail::leaf_state(initial)) {
    detail::check_output_place("rtrl", detail::output_place(state_));
  }

  /// s_t = step(x_t, s_{t−1}). Returns h_t, a leaf: what is computed from it ends there.
  Variable<T> step(const Variable<T>& x) { return advance(x); }
  /// The same for a cell of several inputs: `rtrl.step(x, dt)`.
  template <std::convertible_to<Variable<T>>... X>
  requires(sizeof...(X) > 0) Variable<T> step(const Variable<T>& x, const X&... others) {
    return advance(detail::step_inputs_of<Cell>("rtrl", x, others...));
  }

  /// Adds d loss / dθ to the gradients of the cell's parameters, by J, and of all others that the loss is
  /// computed from, by the tape. The loss depends on the present state only; there may be several.
  void backward(const Variable<T>& loss) {
    loss.backward();
    influence_.backward(detail::members_of(state_));
  }

  /// The present state, as leaves; a loss may be computed from any of its members.
  const S& state() const { return state_; }
  /// The number of elements of θ.
  index_t parameter_count() const { return influence_.parameter_count(); }

 private:
  template <class In>
  Variable<T> advance(const In& inputs) {
    if (NoGrad::active()) raise<UsageError>("rtrl: nothing is recorded inside NoGrad; step outside it");
    const MatmulPrecision exact(Precision::float32);
    S next = detail::whole_step(cell_, inputs, state_);
    detail::check_members("rtrl", detail::present_members(state_), next);
    influence_.advance(detail::members_of(state_), detail::members_of(next));
    state_ = detail::leaf_state(next);
    return output_of(state_);
  }

  static std::vector<Variable<T>> variables(const Cell& cell) {
    std::vector<Variable<T>> all;
    for (const auto& p : parameters(cell)) all.push_back(p.variable);
    return all;
  }

  Cell cell_;
  detail::Influence<T> influence_;
  S state_;
};

}  // namespace unroll
