#pragma once
/// \file The loop behind scan.

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "autograd/recompute.hpp"
#include "layers/scan_rows.hpp"
#include "layers/stack_output.hpp"

namespace unroll::detail {

template <class Cell, class T>
concept Projects = requires(const Cell& cell, const Variable<T>& xs) {
  { cell.project(xs) } -> std::convertible_to<Variable<T>>;
};
template <class Cell, class T, class S>
concept Steps = requires(const Cell& cell, const Variable<T>& x, const S& s) {
  cell.step(x, s);
};
template <class Cell, class S>
concept BeginsItself = requires(const Cell& cell) {
  { cell.initial_state(index_t{1}) } -> std::convertible_to<S>;
};

template <class Cell, class T, class S>
S step_of(const Cell& cell, const Variable<T>& x, const S& state) {
  if constexpr (Steps<Cell, T, S>) {
    return cell.step(x, state);
  } else {
    return cell(x, state);
  }
}

template <class Cell, class T>
Variable<T> projected(const Cell& cell, const Variable<T>& x) {
  if constexpr (Projects<Cell, T>) {
    return cell.project(x);
  } else {
    return x;
  }
}

/// The state that a sequence begins with, for as many rows as `state` has.
template <class Cell, class S>
S fresh_state(const Cell& cell, const S& state) {
  if constexpr (BeginsItself<Cell, S>) {
    return cell.initial_state(output_of(state).shape(0));
  } else {
    return map_state(state, [](const auto& v) { return std::decay_t<decltype(v)>(v.shape(), 0); });
  }
}

template <class Cell, class T, class S>
class ScanLoop {
 public:
  /// `fresh`: the state of a sequence that begins; needed with resets only.
  ScanLoop(const Cell& cell, SequencePlan plan, const ScanOptions& options, S fresh)
      : cell_(&cell),
        plan_(std::make_shared<const SequencePlan>(std::move(plan))),
        options_(options),
        fresh_(std::move(fresh)) {}

  Scanned<T, S> run(const Variable<T>& xs, S state) {
    const Shape h = output_of(state) ? output_of(state).shape() : Shape{};
    const auto sorted = [this](const Variable<T>& v) { return sorted_rows(*plan_, v); };
    if (plan_->packed || options_.resets.size() > 0) state = map_state(std::move(state), sorted);
    if (options_.resets.size() > 0) fresh_ = map_state(std::move(fresh_), sorted);
    if (options_.noise.training && options_.noise.dropout > 0)
      mask_ = dropout_mask<T>(options_.noise, *plan_, h);
    std::vector<Variable<T>> ended;
    Variable<T> output;
    if (plan_->steps == 0) {
      output = Variable<T>(h.inserted(0, plan_->time), T{0});
    } else {
      const Variable<T> x = packed_rows(*plan_, xs);
      const bool whole = NoGrad::active() || (options_.segment == 0 && options_.memory == 0);
      output = whole ? run_steps(x, state, ended, 0, plan_->steps) : run_segments(x, state, ended);
      output = padded(*plan_, output);
    }
    std::size_t members = 0, m = 0;
    visit_state(state, [&](std::string_view, Variable<T>& v) { members += v ? 1 : 0; });
    state = map_state(std::move(state),
                      [&](const Variable<T>& v) { return all_rows(*plan_, v, m++, members, ended); });
    return {std::move(output), std::move(state)};
  }

 private:
  // Steps [first, last), whose inputs x holds. `state` is replaced by the state after them.
  Variable<T> run_steps(const Variable<T>& x, S& state, std::vector<Variable<T>>& ended, index_t first,
                        index_t last) const {
    const SequencePlan& plan = *plan_;
    LazyUnbind<T> inputs = step_inputs(plan, projected_part(x, first, last), first, last);
    StackOutput<T> stacked(plan.units(first, last), plan.packed);
    for (index_t k = first; k < last; ++k) {
      const index_t at = plan.begin(k, k + 1) - plan.begin(first, last);
      const Variable<T> x_k = inputs(plan.packed ? k - first : at, Projects<Cell, T>);
      if (plan.packed || options_.resets.size() > 0) prepare(state, ended, k);
      stacked.begin_step(at, plan.units(k, k + 1));
      S next = step_of(*cell_, x_k, mask_ ? masked(state, k) : state);
      if (options_.noise.zoneout > 0 || options_.noise.zoneout_memory > 0)
        next = zone_out<T>(options_.noise, plan, k, std::move(state), std::move(next));
      stacked.end_step(output_of(next));
      state = std::move(next);
    }
    return stacked.finish();
  }

  Variable<T> projected_part(const Variable<T>& x, index_t first, index_t last) const {
    const PartOfProduct part(plan_->units(first, last), plan_->units(0, plan_->steps));
    return projected(*cell_, x);
  }

  // Before step k: rows whose sequences have ended leave the state; those that begin start afresh.
  void prepare(S& state, std::vector<Variable<T>>& ended, index_t k) const {
    const index_t rows = plan_->rows(k), before = plan_->rows_before(k);
    if (rows < before) {
      state = map_state(std::move(state),
                        [&](const Variable<T>& v) { return keep_rows(v, rows, before, ended); });
    }
    if (options_.resets.size() == 0) return;
    const std::vector<char> begins = rows_that_begin(*plan_, options_.resets, k);
    if (begins.empty()) return;
    std::vector<Variable<T>> fresh;
    S copy = fresh_;
    visit_state(copy, [&](std::string_view, Variable<T>& v) { fresh.push_back(v); });
    std::size_t m = 0;
    visit_state(state, [&](std::string_view, Variable<T>& v) {
      const Variable<T>& from = fresh[m++];
      if (v) v = begin_rows(begins, from, v);
    });
  }

  S masked(S state, index_t k) const {
    bool first = true;
    visit_state(state, [&](std::string_view, Variable<T>& v) {
      if (std::exchange(first, false)) v = v * slice(mask_, 0, 0, plan_->rows(k));
    });
    return state;
  }

  // --- recomputation ---

  index_t segment_length(const Variable<T>& x, const S& state) const {
    if (options_.memory > 0) {  // what one step keeps, tried on a copy
      const Cell copy = *cell_;
      ScanLoop trial = *this;
      trial.cell_ = &copy;
      S s = state;
      std::vector<Variable<T>> ended;
      const Subpass<T> pass;
      const Variable<T> y =
          trial.run_steps(segment_inputs(*plan_, x, 1)(piece_of(*plan_, 0, 1)), s, ended, 0, 1);
      return std::max<index_t>(
          1, static_cast<index_t>(options_.memory / std::max<std::size_t>(1, pass.bytes())));
    }
    if (options_.segment == ScanOptions::square_root)
      return static_cast<index_t>(std::ceil(std::sqrt(static_cast<double>(plan_->steps))));
    return options_.segment > 0 ? options_.segment : plan_->steps;
  }

  Variable<T> run_segments(const Variable<T>& x, S& state, std::vector<Variable<T>>& ended) const {
    if constexpr (std::copy_constructible<Cell>) {
      const index_t length = segment_length(x, state);
      if (length >= plan_->steps) return run_steps(x, state, ended, 0, plan_->steps);
      LazyUnbind<T> inputs = segment_inputs(*plan_, x, length);
      StackOutput<T> stacked(plan_->units(0, plan_->steps), true);
      for (index_t first = 0; first < plan_->steps; first += length) {
        const index_t last = std::min(plan_->steps, first + length);
        const Variable<T> piece = inputs(piece_of(*plan_, first / length, length));
        stacked.begin_step(plan_->begin(first, last), plan_->units(first, last));
        stacked.end_step(run_segment(piece, state, ended, first, last));
      }
      return stacked.finish();
    } else {
      fail<UsageError>("scan: recomputation needs a cell that can be copied");
    }
  }

  Variable<T> run_segment(const Variable<T>& x, S& state, std::vector<Variable<T>>& ended, index_t first,
                          index_t last) const {
    // The first run is the cell's own; later ones work on copies, so that what it counts is counted once.
    struct First {
      const Cell* cell;
      std::vector<char> is_output;  // for each member of the state
    };
    auto now = std::make_shared<First>(First{cell_, {}});
    const auto results = recompute<T>([loop = *this, cell = *cell_, now, x, state, first, last] {
      const Cell copy = cell;
      ScanLoop again = loop;
      again.cell_ = now->cell ? now->cell : &copy;
      S s = state;
      std::vector<Variable<T>> gone, all(1);
      all[0] = again.run_steps(x, s, gone, first, last);
      visit_state(s, [&](std::string_view, Variable<T>& v) {
        const bool is_output = v.same_as(output_of(s));
        if (now->cell && v) now->is_output.push_back(is_output);
        if (v && !is_output) all.push_back(v);
      });
      all.insert(all.end(), gone.begin(), gone.end());
      return all;
    });
    now->cell = nullptr;
    // The hidden state is a part of the output, as without segments: gradients add up in the same order.
    const index_t at = plan_->begin(last - 1, last) - plan_->begin(first, last),
                  n = plan_->units(last - 1, last);
    const Variable<T> h = plan_->packed ? slice(results[0], 0, at, at + n) : select(results[0], 0, at);
    std::size_t k = 1, m = 0;
    state = map_state(std::move(state),
                      [&](const Variable<T>&) { return now->is_output[m++] ? h : results[k++]; });
    ended.insert(ended.end(), results.begin() + static_cast<std::ptrdiff_t>(k), results.end());
    return results[0];
  }

  const Cell* cell_;
  std::shared_ptr<const SequencePlan> plan_;
  ScanOptions options_;
  S fresh_;
  Variable<T> mask_;  // of recurrent dropout, for all rows
};

}  // namespace unroll::detail
