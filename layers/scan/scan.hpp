#pragma once
/// \file scan: any cell over the time steps of a sequence.

#include <atomic>

#include "unroll/autograd/functions.hpp"
#include "unroll/detail/layers/scan/loop.hpp"
#include "unroll/detail/layers/scan/row_wise_check.hpp"
#include "unroll/detail/layers/scan/shards.hpp"
#include "unroll/detail/layers/scan/time_loop.hpp"
#include "unroll/layers/initial_state.hpp"

namespace unroll {

namespace detail {

/// A cell and its state, for the loop without lengths, resets, noise or recomputation: its steps are inlined.
template <class Cell, class T, class S>
struct PlainRun {
  static constexpr bool projects = HasProject<Cell, T>;
  const Cell& cell;
  S state;

  Variable<T> project(const Variable<T>& xs) const { return projected(cell, xs); }
  void prepare(index_t) {}
  void step(index_t, const Variable<T>& x) { state = step_of(cell, x, state); }
  const Variable<T>& output() const { return output_of(state); }
  std::vector<Variable<T>> members() const { return members_of(state); }
  void replace(const std::vector<Variable<T>>& members) { state = with_members(std::move(state), members); }
  static constexpr const char* obstacle() { return nullptr; }
};

/// The same for a cell of several inputs, a PackedCell: what project makes of each is cut by itself, so that its rows stay in
/// one piece.
template <class Cell, class T, class S>
class PartsRun {
 public:
  static constexpr bool projects = false;
  PartsRun(const Cell& cell, S begin, const Variable<T>& xs, const SequencePlan& plan)
      : state(std::move(begin)), cell_(cell), plan_(plan) {
    parts_ =
        std::apply([](const auto&... x) { return Parts{LazyUnbind<T>(dense(x))...}; }, cell.parts_of(xs));
  }

  Variable<T> project(const Variable<T>& xs) const { return xs; }
  void prepare(index_t) {}
  void step(index_t k, const Variable<T>&) {
    const index_t at = plan_.begin(k, k + 1);
    state = cell_.step_on_parts(
        std::apply([at](auto&... part) { return Inputs<T, Cell::parts>(part(at, true)...); }, parts_), state);
  }
  const Variable<T>& output() const { return output_of(state); }
  std::vector<Variable<T>> members() const { return members_of(state); }
  void replace(const std::vector<Variable<T>>& members) { state = with_members(std::move(state), members); }
  static constexpr const char* obstacle() { return "the cell takes several inputs, of several rows"; }

  S state;

 private:
  using Parts = std::array<LazyUnbind<T>, Cell::parts>;
  const Cell& cell_;
  const SequencePlan& plan_;
  Parts parts_;
};

/// Builds with assertions check once for each type of cell whether it is row-wise, as it says.
template <class Cell, class T, class S>
void assert_row_wise([[maybe_unused]] const Cell& cell, [[maybe_unused]] const Variable<T>& xs,
                     [[maybe_unused]] const S& state) {
#ifndef NDEBUG
  static std::atomic<bool> done = false;
  if (!done && is_row_wise(cell)) done = check_row_wise(*any_cell<T>(cell, state), xs, members_of(state));
#endif
}

/// Whether the cell may do all steps of a sequence at once.
template <class Cell, class T, class S>
inline constexpr bool runs_sequences = HasCoefficients<Cell, T> || HasSequence<Cell, T, S>;

/// scan; `fresh` has the members of what resets go back to, none for what the cell says.
template <class Cell, class T, class S>
Scanned<T, S> scan_from(const Cell& cell, const Variable<T>& xs, S state, const ScanOptions& options,
                        std::vector<Variable<T>> fresh = {}) {
  SequencePlan plan = plan_scan(xs, options);
  const Observed observed = observe<T>(cell, state, plan, options);
  if constexpr (RowWise<Cell>) {
    const OutputPlace output = output_place(state);
    const bool whole = output.shown && !output.empty;
    if (!observed && whole) assert_row_wise(cell, xs, state);
    if (const int count = shard_count(plan, options, observed); count > 1 && whole && is_row_wise(cell)) {
      if (auto run = scan_shards(*any_cell<T>(cell, state), count, options, xs, members_of(state)))
        return {std::move(run->output), with_members(std::move(state), run->state)};
    }
  }
  if constexpr (requires { cell.parts_of(xs); }) {
    if (is_plain(plan, options) && !observed && plan.batch > 1) {
      PartsRun<Cell, T, S> run(cell, std::move(state), xs, plan);
      Variable<T> output = time_loop(run, dense(xs.detach()), plan, 0, plan.steps, observed);
      return {std::move(output), std::move(run.state)};
    }
  }
  if (!runs_sequences<Cell, T, S> && is_plain(plan, options)) {
    PlainRun<Cell, T, S> run{cell, std::move(state)};
    Variable<T> output = time_loop(run, dense(xs), plan, 0, plan.steps, observed);
    return {std::move(output), std::move(run.state)};
  }
  check_output_place("scan", output_place(state));
  if (!observed) check_projection(cell, xs);
  if (options.resets.size() > 0 && fresh.empty()) {
    S begin = fresh_state(cell, state);
    check_members("scan", present_members(state), begin);
    fresh = members_of(std::move(begin));
  }
  auto run = scan_any<T>(any_cell<T>(cell, state), std::move(plan), options, xs, members_of(state),
                         std::move(fresh), observed);
  return {std::move(run.output), with_members(std::move(state), run.state)};
}

/// scan of a cell of several inputs: as one array, which it cuts at each step. An input called dt is turned round in reverse.
template <class T, class Cell, class S, class... X>
Scanned<T, S> scan_several(const char* op, const Cell& cell, const std::tuple<X...>& given, S state,
                           const ScanOptions& options, std::vector<Variable<T>> fresh = {}) {
  constexpr std::string_view names = input_names_of<Cell>();
  std::vector<Variable<T>> inputs = matched_inputs<T>(op, names, input_list<T>(given));
  check_durations<T>(op, names, inputs, options.lengths);
  if (options.reverse) reverse_durations<T>(names, inputs, options.lengths, options.resets);
  std::vector<index_t> sizes;
  for (const Variable<T>& input : inputs) sizes.push_back(input.shape().back(0));
  const PackedCell<Cell, T, S, sizeof...(X)> packed(cell, std::move(sizes));
  return scan_from(packed, packed_inputs<T>(inputs), std::move(state), options, std::move(fresh));
}

/// What scan must be given with several inputs; a class, so that each mistake is reported once.
template <class Cell, class S, class Tuple>
struct CheckSeveral {
  static constexpr bool steps =
      CallsOn<Cell, S, Tuple>::projects || CallsOn<Cell, S, Tuple>::steps || CallsOn<Cell, S, Tuple>::calls;
  static_assert(steps,
                "with a tuple of inputs scan takes an object with `State step(x, dt, state) const`, one "
                "argument for each input, or a function of these");
};

/// What scan must be given; a class, so that each mistake is reported once.
template <class Cell, class T, class S>
struct CheckScan {
  static constexpr bool steps = HasStep<Cell, T, S> || runs_sequences<Cell, T, S> || HasSeveralInputs<Cell> ||
                                std::invocable<const Cell&, const Variable<T>&, const S&>;
  static_assert(
      steps,
      "scan takes an object with `State step(const Variable<T>& x, const State& state) const`, which "
      "must be const, or a function of (x, state), for the types of xs and of the state");
};

template <class S>
void check_begins(S& state) {
  bool empty = true;
  visit_state(state, [&](std::string_view, const auto& v) { empty = empty && !v; });
  if (empty) raise<UsageError>("scan: the state is empty; initial_state(cell, B) gives one");
}

}  // namespace detail

/// Runs a cell over whole sequences.
/// What:   state_t = step(x_t, state_{t−1}) over the first axis of xs.
/// `cell` is an object with `step(x, state)`, and perhaps `project(xs)`, which is applied once to all time
/// steps and whose rows step then receives; or a function of (x, state). The state is a Variable or a struct
/// with visit() whose member h is the output.
/// Shapes: xs (T, B, …), output (T, B, H), members of the state (B, …). Without lengths, resets, noise and
///         recomputation the axis B is not needed.
/// Errors: UsageError for an empty xs, an empty state or T = 0; with lengths, resets, noise and recomputation also where the
///         state's visit() does not show its output or a member is empty at first, or where project() mixes
///         time steps; ShapeError where the state changes its shape, and where
///         lengths or resets do not fit; IndexError for a length outside 0 … T.
/// Cost:   with lengths the rows multiplied are Σ lengths: padding is never computed.
template <class Cell, class T, class S>
Scanned<T, S> scan(const Cell& cell, const Variable<T>& xs, S state, const ScanOptions& options = {}) {
  if constexpr (detail::CheckVisit<S>::passed && detail::CheckOutput<S>::passed) {
    using Output = Variable<detail::state_number<S>>;
    if constexpr (detail::Mixed<Variable<T>, Output>) {
      detail::refuse_mixed<Variable<T>, Output>();
    } else if constexpr (detail::CheckScan<Cell, T, S>::steps) {
      detail::check_begins(state);
      if constexpr (HasSeveralInputs<Cell>) {
        if (!xs) detail::fail_empty("scan", 1);
        return detail::scan_several<T>("scan", cell, detail::completed_inputs(cell, xs), std::move(state),
                                       options);
      } else {
        return detail::scan_from<Cell, T, S>(cell, xs, std::move(state), options);
      }
    }
  }
  return {{}, std::move(state)};
}

/// The same from the cell's initial state, see initial_state().
/// Shapes: xs (T, B, …).
template <class Cell, class T>
Scanned<T, CellState<Cell>> scan(const Cell& cell, const Variable<T>& xs, const ScanOptions& options = {}) {
  if (!xs) detail::fail_empty("scan", 1);
  if (xs.rank() < 2)
    raise<ShapeError>("scan: need xs (T, B, …) to begin from the initial state; got {}", xs.shape().str());
  return scan(cell, xs, initial_state(cell, xs.shape()[1]), options);
}

/// The same for cells of several inputs, see several_inputs.hpp: `scan(cell, std::tuple{xs, dts, mask}, state)`.
/// Shapes: xs (T, B, I), the others (T, B, K) or, for K = 1, (T, B).
/// In reverse, each step of a sequence is given the dt of the step behind it, and the last one, where the scan begins,
/// that of the first.
/// Errors: ShapeError for an input whose axes but the last are not those of xs, for a dt with more than one number for
///         each row, and a mask of another shape than xs; UsageError for a dt that is negative or not finite, within lengths;
///         as above.
/// Cost:   the inputs are joined into one array, and so is what project makes of them, but in a loop over several rows without
///         lengths, resets, noise and recomputation.
template <class Cell, class T, class... X, class S>
Scanned<T, S> scan(const Cell& cell, const std::tuple<Variable<T>, X...>& inputs, S state,
                   const ScanOptions& options = {}) {
  if constexpr (detail::CheckVisit<S>::passed && detail::CheckOutput<S>::passed) {
    using All = Inputs<T, sizeof...(X) + 1>;
    if constexpr (detail::CheckSeveral<Cell, S, All>::steps) {
      detail::check_begins(state);
      return detail::scan_several<T>("scan", cell, All(inputs), std::move(state), options);
    }
  }
  return {{}, std::move(state)};
}

/// The same from the cell's initial state.
/// Shapes: xs (T, B, …).
template <class Cell, class T, class... X>
Scanned<T, CellState<Cell>> scan(const Cell& cell, const std::tuple<Variable<T>, X...>& inputs,
                                 const ScanOptions& options = {}) {
  const Variable<T>& xs = std::get<0>(inputs);
  if (!xs) detail::fail_empty("scan", 1);
  if (xs.rank() < 2)
    raise<ShapeError>("scan: need xs (T, B, …) to begin from the initial state; got {}", xs.shape().str());
  return scan(cell, inputs, initial_state(cell, xs.shape()[1]), options);
}

}  // namespace unroll
