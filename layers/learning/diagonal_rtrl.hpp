#pragma once
/// \file Real-time recurrent learning of linear cells, exact at the cost of a step.

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/layers/cells/cell_calls.hpp"
#include "unroll/layers/initial_state.hpp"
#include "unroll/layers/module.hpp"

namespace unroll {

namespace detail {

/// How the state c of a linear cell depends on all parameters θ, each of which acts on one unit alone: for each row of
/// the batch one number, or one complex number, for each element of θ.
template <class T>
class UnitTraces {
 public:
  using Arrays = std::vector<Variable<T>>;
  /// Of those of `all` that require a gradient and that the coefficients turn out to depend on. c: the parts of the state.
  /// Errors: UsageError where none requires a gradient.
  UnitTraces(const std::vector<NamedParameter<T>>& all, const Arrays& c);

  /// E := a E + ∂(a c + b)/∂θ, for a and b recorded from θ, and c, the parts of the state before.
  /// Errors: UsageError where a parameter acts on several units; then nothing is changed.
  void advance(const Arrays& a, const Arrays& b, const Arrays& c);
  /// θ.grad += g E, with g the slopes of the parts of c, empty where there are none.
  void backward(const Arrays& g) const;

  index_t parameter_count() const { return count_; }

 private:
  void find_parameters(const Arrays& a, const Arrays& b, const Arrays& c);
  std::vector<T> slopes(const Arrays& a, const Arrays& b, const Arrays& c, std::size_t part, index_t row,
                        const std::vector<T>& weights) const;
  void check_units(const Arrays& a, const Arrays& b, const Arrays& c) const;
  /// f(element of θ, unit)
  template <class F>
  void for_each(F&& f) const {
    index_t at = 0;
    for (const auto& [name, p] : parameters_) {
      const index_t rows = p.shape()[0], cols = p.size() / std::max<index_t>(1, rows);
      for (index_t r = 0; r < rows; ++r)
        for (index_t j = 0; j < cols; ++j) f(at++, r % units_);
    }
  }

  std::vector<NamedParameter<T>> parameters_;
  index_t rows_, units_, count_ = 0;
  bool found_ = false;
  std::vector<std::vector<T>> traces_;  // for each part (rows, count)
};

extern template class UnitTraces<float>;
extern template class UnitTraces<double>;

}  // namespace detail

/// What:   Rtrl for a linear cell (see linear_cell.hpp) each of whose parameters acts on one unit of the state: with
///         c_t = a_t ⊙ c_{t−1} + b_t, ∂c_t/∂θ is one number for each element of θ, and is carried along exactly.
///
///     DiagonalRtrl rtrl(cell, initial_state(cell, 1));
///     for (…) {
///       const Variable y = readout(rtrl.step(x_t));
///       rtrl.backward(mse(y, target));
///       adam.step(), adam.zero_grad();
///     }
///
/// The gradients of all steps add up to those of back-propagation through the whole past, as long as the parameters
/// stay the same; see Rtrl. A parameter has a row, or several blocks of rows, with one row for each unit: (N,), (2N, I).
/// Parameters that only the cell's output() reads are differentiated by the tape, and may have any shape.
///
/// Errors: UsageError where nothing requires a gradient, inside NoGrad, and at the first step where a parameter acts on
///         another unit than its row says: learn such a cell, and stacks of cells, by Rtrl. A step that throws changes
///         nothing.
/// Cost:   for B rows and P parameters of the coefficients: memory B P numbers (2 B P for a complex state), and a step
///         one backward pass (two) of the coefficients for each row of the batch.
/// Lifetime: copies of the cell share its parameters.
/// Source: Mozer 1989; for complex states Zucchet et al. 2023, Elelimy et al. 2024.
template <class Cell, class S>
class DiagonalRtrl {
 public:
  using value_type = detail::state_number<S>;
  using T = value_type;
  static_assert(HasCoefficients<Cell, T>,
                "DiagonalRtrl learns a cell with coefficients(xs), see linear_cell.hpp");

  /// Learns all parameters of `cell`, a module, from state s_0 on, which is a constant.
  DiagonalRtrl(Cell cell, S initial)
      : cell_(std::move(cell)),
        state_(detach_state(initial)),
        traces_(parameters(cell_), parts(detail::carried(state_))) {}

  /// One time step. Returns h_t; what is computed from it ends at c_t and at the parameters of output().
  Variable<T> step(const Variable<T>& x) {
    if (NoGrad::active())
      raise<UsageError>("diagonal_rtrl: nothing is recorded inside NoGrad; step outside it");
    const MatmulPrecision exact(Precision::float32);
    const auto k = cell_.coefficients(detail::projected(cell_, x));
    S next = state_;
    auto& c = detail::carried(next);
    {
      const NoGrad off;
      c = detail::linear_step(Carried(k.a), k.b, c);
    }
    traces_.advance(parts(Carried(k.a)), parts(k.b), parts(detail::carried(state_)));
    c = leaves(c);
    if constexpr (HasOutputMap<Cell, T>) next.h = cell_.output(k, c);
    state_ = std::move(next);
    return output_of(state_);
  }

  /// Adds d loss / dθ to the gradients of the parameters.
  void backward(const Variable<T>& loss) {
    loss.backward();
    Arrays slopes;
    for (Variable<T>& v : parts(detail::carried(state_))) {
      slopes.push_back(v.has_grad() ? Variable<T>(v.grad()) : Variable<T>());
      v.zero_grad();
    }
    traces_.backward(slopes);
  }

  /// The present state; c is a leaf.
  const S& state() const { return state_; }
  /// The number of elements of θ whose influence is carried; 0 before the first step.
  index_t parameter_count() const { return traces_.parameter_count(); }

 private:
  using Arrays = std::vector<Variable<T>>;
  using Carried = std::decay_t<decltype(detail::carried(std::declval<S&>()))>;

  static Arrays parts(const Variable<T>& x) { return {x}; }
  static Arrays parts(const ComplexPair<T>& x) { return {x.re, x.im}; }
  static Variable<T> leaves(const Variable<T>& x) { return x.detach().requires_grad(true); }
  static ComplexPair<T> leaves(const ComplexPair<T>& x) { return {leaves(x.re), leaves(x.im)}; }

  Cell cell_;
  S state_;
  detail::UnitTraces<T> traces_;
};

}  // namespace unroll
