#pragma once  // internal
/// \file The stacked output of scan: its slices are the hidden states themselves.

#include "unroll/detail/autograd/ops/stack_in_place.hpp"

namespace unroll::detail {

/// Collects the results of steps. Either each step's result h is one slice of the output (T, …), or, joined,
/// it is several rows of an output (N, …) that all steps share out among them.
/// Errors: UsageError for an empty h; ShapeError where its shape changes, or does not fit the rows.
template <class T>
class StackOutput {
 public:
  /// `units` slices or rows in all.
  StackOutput(index_t units, bool joined) : stack_("scan", units, joined), joined_(joined) {}

  /// Before and after a step whose result is `count` units from number `first` on.
  void begin_step(index_t first, index_t count = 1) {
    count_ = count;
    stack_.begin(first, count);
  }
  void end_step(const Variable<T>& h) {
    check_output(h);
    stack_.add(h);
    ++steps_;
  }
  /// Whether the results lie where they belong; then what follows can be computed there all at once.
  bool in_place() const { return stack_.in_place(); }
  T* memory(index_t first) const { return stack_.memory(first); }
  const Ref<Block>& storage() const { return stack_.storage(); }
  /// The results of steps that are left, as slices from number `first` on; or one.
  void end_steps(const Variable<T>& hs, index_t first) { stack_.add_together(hs, first); }
  /// The output, recorded as one op over the results.
  Variable<T> finish() { return stack_.finish(); }

 private:
  void check_output(const Variable<T>& h);

  StackInPlace<T> stack_;
  Shape unit_;
  index_t count_ = 1, steps_ = 0;
  bool joined_;
};

extern template class StackOutput<float>;
extern template class StackOutput<double>;

}  // namespace unroll::detail
