#pragma once
/// \file A cell that does all steps of a sequence at once, held to its word: against one step at a time.

#include "unroll/autograd/creation.hpp"
#include "unroll/layers/scan.hpp"

namespace unroll {

/// What check_parallel runs.
struct CheckParallelOptions {
  Shape input = {};        ///< of one step of one sequence; empty: (cell.input_size(),)
  double tolerance = 0;    ///< of differences relative to max(1, |value|); 0: 1e-12 in double, 2e-3 in float
  std::uint64_t seed = 1;  ///< of inputs, states and cotangents
};

namespace detail {

/// The cell without its coefficients.
template <class Cell>
struct StepByStep {
  using State = CellState<Cell>;
  using value_type = CellNumber<Cell>;
  const Cell& cell;
  State step(const Variable<value_type>& x, const State& state) const {
    return step_of(cell, projected(cell, x), state);
  }
  State initial_state(index_t batch) const { return initial_state_of(cell, batch); }
};

/// Runs of both ways to be compared, by name.
template <class T>
struct ComparedRuns {
  std::string label;
  std::vector<std::string> names;
  std::vector<Variable<T>> at_once, by_steps;
};
/// Errors: UsageError for the first difference.
template <class T>
void compare_runs(const ComparedRuns<T>& runs, double tolerance);

/// Output, state and all gradients of one scan; their names are appended.
template <class T, class Cell, class S>
std::vector<Variable<T>> scan_results(const Cell& cell, const Variable<T>& x, const S& state,
                                      const ScanOptions& options, const std::vector<Variable<T>>& parameters,
                                      std::uint64_t seed) {
  Generator rng(seed);
  auto [output, last] = scan(cell, x, state, options);
  std::vector<Variable<T>> results = {output}, inputs = members_of(state);
  for (Variable<T>& v : members_of(last)) results.push_back(std::move(v));
  std::vector<Variable<T>> seeds;
  for (const Variable<T>& v : results) seeds.push_back(randn<T>(v.shape(), rng));
  inputs.push_back(x);
  inputs.insert(inputs.end(), parameters.begin(), parameters.end());
  std::vector<Variable<T>> roots, root_seeds;
  for (std::size_t k = 0; k < results.size(); ++k)
    if (results[k].requires_grad()) roots.push_back(results[k]), root_seeds.push_back(seeds[k]);
  auto gradients = grad(roots, inputs, {}, root_seeds);
  results.insert(results.end(), gradients.begin(), gradients.end());
  return results;
}

}  // namespace detail

/// What:   compares scan of a linear cell, or of one with sequence(), with the same cell one step at a time: outputs, final states, and the
///         gradients of inputs, parameters and initial state, also those that come through the final state; for one
///         step and several, one sequence and several, both directions, lengths, resets, recomputation.
///         `check_parallel(cell);`
/// Errors: UsageError that says what differs, in which run, and by how much.
template <class Cell>
void check_parallel(const Cell& cell, const CheckParallelOptions& options = {}) {
  using T = CellNumber<Cell>;
  static_assert(
      detail::runs_sequences<Cell, T, CellState<Cell>>,
      "check_parallel takes a cell with coefficients(xs), see linear_cell.hpp, or sequence(), see cell.hpp");
  Shape input = options.input;
  if constexpr (requires { cell.input_size(); })
    if (input.rank() == 0) input = Shape{cell.input_size()};
  const double tolerance = options.tolerance > 0 ? options.tolerance : sizeof(T) == 8 ? 1e-12 : 2e-3;
  std::vector<Variable<T>> parameters_of;
  if constexpr (Module<Cell>)
    for (const auto& p : parameters(cell)) parameters_of.push_back(p.variable);
  const detail::StepByStep<Cell> steps{cell};
  const auto compare_ways = [&](const char* label, index_t time, index_t batch, const ScanOptions& how) {
    Generator rng(options.seed);
    const auto x = randn<T>(input.inserted(0, batch).inserted(0, time), rng).requires_grad(true);
    const auto state = map_state(initial_state(cell, batch), [&](const Variable<T>& v) {
      return randn<T>(v.shape(), rng).requires_grad(true);
    });
    detail::ComparedRuns<T> runs{label, {"output"}, {}, {}};
    auto copy = state;
    const auto name_members = [&](const char* what) {
      detail::visit_state(copy, [&](std::string_view name, auto& v) {
        if (v) runs.names.push_back(std::string(what) + std::string(name));
      });
    };
    name_members("final ");
    name_members("gradient of initial ");
    runs.names.emplace_back("gradient of x");
    if constexpr (Module<Cell>)
      for (const auto& p : parameters(cell)) runs.names.push_back("gradient of " + p.name);
    runs.at_once = detail::scan_results<T>(cell, x, state, how, parameters_of, options.seed);
    runs.by_steps = detail::scan_results<T>(steps, x, state, how, parameters_of, options.seed);
    detail::compare_runs(runs, tolerance);
  };
  const Indices lengths = {3, 0, 5}, resets(Shape{5, 3}, {0, 1, 0, 1, 0, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1});
  compare_ways("one step of one sequence", 1, 1, {});
  compare_ways("one sequence", 7, 1, {});
  compare_ways("several sequences", 5, 3, {});
  compare_ways("in reverse", 5, 3, {.reverse = true});
  compare_ways("with lengths", 5, 3, {.lengths = lengths});
  compare_ways("with lengths, in reverse", 5, 3, {.reverse = true, .lengths = lengths});
  compare_ways("with resets", 5, 3, {.resets = resets});
  compare_ways("with resets, in reverse", 5, 3, {.reverse = true, .resets = resets});
  compare_ways("with lengths and resets", 5, 3, {.lengths = lengths, .resets = resets});
  compare_ways("recomputed", 5, 3, {.segment = 2});
  compare_ways("a long sequence", 100, 2, {});
}

}  // namespace unroll
