#include "unroll/detail/layers/scan/loop.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <cmath>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/recompute.hpp"
#include "unroll/detail/autograd/core/subpass.hpp"
#include "unroll/detail/layers/scan/linear_scan.hpp"
#include "unroll/detail/layers/scan/time_loop.hpp"

namespace unroll::detail {
namespace {

template <class T>
class ScanLoop {
 public:
  using Members = std::vector<Variable<T>>;

  ScanLoop(std::shared_ptr<const AnyCell<T>> cell, SequencePlan plan, const ScanOptions& options,
           Members fresh, const Observed& observed)
      : cell_(std::move(cell)),
        plan_(std::make_shared<const SequencePlan>(std::move(plan))),
        options_(options),
        fresh_(std::move(fresh)),
        observed_(observed) {}

  AnyScanned<T> run(const Variable<T>& xs, Members state) {
    const bool resets = options_.resets.size() > 0;
    const Shape h = state.empty() ? Shape{} : state[cell_->output].shape();
    if (plan_->packed || resets) sort(state);
    if (resets) sort(fresh_);
    if (options_.noise.drops()) mask_ = dropout_mask<T>(options_.noise, *plan_, h);
    Members ended;
    Variable<T> output;
    if (plan_->steps == 0) {
      output = Variable<T>(h.inserted(0, plan_->time), T{0});
    } else {
      const Variable<T> x = packed_rows(*plan_, xs);
      const bool whole = NoGrad::active() || (options_.segment == 0 && options_.memory == 0);
      output = whole ? run_steps(x, state, ended, 0, plan_->steps) : run_segments(x, state, ended);
      output = padded(*plan_, output);
    }
    for (std::size_t m = 0; m < state.size(); ++m)
      state[m] = all_rows(*plan_, state[m], m, state.size(), ended);
    return {std::move(output), std::move(state)};
  }

 private:
  void sort(Members& state) const {
    for (Variable<T>& v : state) v = sorted_rows(*plan_, v);
  }

  // Steps [first, last), whose inputs x holds. `state` is replaced by the state after them.
  Variable<T> run_steps(const Variable<T>& x, Members& state, Members& ended, index_t first,
                        index_t last) const {
    Run run{*this, state, ended, cell_->projects()};
    return time_loop(run, x, *plan_, first, last, observed_);
  }

  /// The cell and its state as the time loop sees them.
  struct Run {
    const ScanLoop& loop;
    Members& state;
    Members& ended;
    bool projects;

    Variable<T> project(const Variable<T>& x) const { return loop.cell_->project(x); }
    void prepare(index_t k) { loop.prepare(state, ended, k); }
    void step(index_t k, const Variable<T>& x) { state = loop.step(x, state, k); }
    const Variable<T>& output() const { return state[loop.cell_->output]; }
    const Members& members() const { return state; }
    void replace(Members members) { state = std::move(members); }
    const char* obstacle() const {
      if (loop.options_.resets.size() > 0) return "there are resets";
      return loop.mask_ || loop.options_.noise.zones() ? "the state is noisy" : nullptr;
    }
  };

  // Before step k: rows whose sequences have ended leave the state; those that begin start afresh.
  void prepare(Members& state, Members& ended, index_t k) const {
    const index_t rows = plan_->rows(k), before = plan_->rows_before(k);
    if (rows < before)
      for (Variable<T>& v : state) v = keep_rows(v, rows, before, ended);
    if (options_.resets.size() == 0) return;
    const std::vector<char> begins = rows_that_begin(*plan_, options_.resets, k);
    if (begins.empty()) return;
    for (std::size_t m = 0; m < state.size(); ++m) state[m] = begin_rows(begins, fresh_[m], state[m]);
  }

  Members step(const Variable<T>& x, const Members& state, index_t k) const {
    Members next = cell_->step(x, mask_ ? masked(state, k) : state);
    if (!options_.noise.zones()) return next;
    return zone_out(options_.noise, *plan_, k, state, std::move(next), cell_->output);
  }

  Members masked(Members state, index_t k) const {
    Variable<T>& h = state[cell_->output];
    h = h * slice(mask_, 0, 0, plan_->rows(k));
    return state;
  }

  // --- recomputation ---

  index_t segment_length(const Variable<T>& x, Members state) const {
    if (options_.memory > 0) {  // what one step keeps, tried on a copy
      ScanLoop trial = *this;
      trial.cell_ = cell_->copy();
      trial.observed_ = nullptr;
      Members ended;
      const Subpass<T> pass;
      const Variable<T> piece = segment_inputs(*plan_, x, 1)(piece_of(*plan_, 0, 1));
      const Variable<T> y = trial.run_steps(piece, state, ended, 0, 1);
      return std::max<index_t>(
          1, static_cast<index_t>(options_.memory / std::max<std::size_t>(1, pass.bytes())));
    }
    if (options_.segment == ScanOptions::square_root)
      return static_cast<index_t>(std::ceil(std::sqrt(static_cast<double>(plan_->steps))));
    return options_.segment;
  }

  Variable<T> run_segments(const Variable<T>& x, Members& state, Members& ended) const {
    if (!cell_->copies()) raise<UsageError>("scan: recomputation needs a cell that can be copied");
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
  }

  Variable<T> run_segment(const Variable<T>& x, Members& state, Members& ended, index_t first,
                          index_t last) const {
    // The first run is the cell's own; later ones work on copies, so that what it counts is counted once.
    struct First {
      bool running = true;
      std::vector<char> is_output;  // for each member of the state
    };
    auto now = std::make_shared<First>();
    ScanLoop later = *this;
    later.cell_ = cell_->copy();
    const Members results = recompute<T>([later, own = this, now, x, state, first, last] {
      ScanLoop copy = later;
      if (!now->running) copy.cell_ = later.cell_->copy();
      const ScanLoop& loop = now->running ? *own : copy;
      Members s = state, gone, all(1);
      all[0] = loop.run_steps(x, s, gone, first, last);
      for (const Variable<T>& v : s) {
        const bool is_output = v.same_as(s[loop.cell_->output]);
        if (now->running) now->is_output.push_back(is_output);
        if (!is_output) all.push_back(v);
      }
      all.insert(all.end(), gone.begin(), gone.end());
      return all;
    });
    now->running = false;
    // The hidden state is a part of the output, as without segments: gradients add up in the same order.
    const index_t at = plan_->begin(last - 1, last) - plan_->begin(first, last),
                  n = plan_->units(last - 1, last);
    const Variable<T> h = plan_->packed ? slice(results[0], 0, at, at + n) : select(results[0], 0, at);
    std::size_t k = 1;
    for (std::size_t m = 0; m < state.size(); ++m) state[m] = now->is_output[m] ? h : results[k++];
    ended.insert(ended.end(), results.begin() + static_cast<std::ptrdiff_t>(k), results.end());
    return results[0];
  }

  std::shared_ptr<const AnyCell<T>> cell_;
  std::shared_ptr<const SequencePlan> plan_;
  ScanOptions options_;
  Members fresh_;
  Variable<T> mask_;  // of recurrent dropout, for all rows
  Observed observed_;
};

}  // namespace

template <class T>
AnyScanned<T> scan_any(std::shared_ptr<const AnyCell<T>> cell, SequencePlan plan, const ScanOptions& options,
                       const Variable<T>& xs, std::vector<Variable<T>> state, std::vector<Variable<T>> fresh,
                       const Observed& observed) {
  if (cell->is_linear() && !observed && runs_at_once(options))
    return scan_linear(*cell, plan, options, xs, std::move(state), fresh);
  const bool forward = !options.reverse || !cell->forward_only();
  if (cell->has_sequence() && forward && !observed && runs_at_once(options) && all_zero(fresh))
    return scan_sequence(*cell, plan, options, xs, std::move(state));
  return ScanLoop<T>(std::move(cell), std::move(plan), options, std::move(fresh), observed)
      .run(xs, std::move(state));
}

UNROLL_COMPILE_FUNCTIONS(scan_any)

}  // namespace unroll::detail
