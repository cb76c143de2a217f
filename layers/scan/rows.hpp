#pragma once  // internal
/// \file Rows on their way into and out of scan: packed inputs, states that shrink, outputs with padding.

#include "unroll/autograd/views.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll::detail {

/// Checks the input and the options against each other.
/// Errors: as scan says.
template <class T>
SequencePlan plan_scan(const Variable<T>& xs, const ScanOptions& options);

/// Whether the plain loop does all that is asked for.
bool is_plain(const SequencePlan& plan, const ScanOptions& options);

/// The rows of xs that take part, in the order of the loop: (N, …); without lengths xs itself.
template <class T>
Variable<T> packed_rows(const SequencePlan& plan, const Variable<T>& xs);
/// The inverse, with zeros where there was padding: (T, B, …).
template <class T>
Variable<T> padded(const SequencePlan& plan, const Variable<T>& y);

/// The inputs of the steps [first, last) from x, which holds just these.
template <class T>
LazyUnbind<T> step_inputs(const SequencePlan& plan, const Variable<T>& x, index_t first, index_t last);
/// The pieces of x that belong to segments of `length` steps; piece_of() says which is whose.
template <class T>
LazyUnbind<T> segment_inputs(const SequencePlan& plan, const Variable<T>& x, index_t length);
inline index_t piece_of(const SequencePlan& plan, index_t segment, index_t length) {
  const index_t count = (plan.steps + length - 1) / length;
  return plan.reverse && !plan.packed ? count - 1 - segment : segment;
}

/// Members of a state before a step that has fewer rows: the first `rows`; the others are moved to `ended`.
template <class T>
Variable<T> keep_rows(const Variable<T>& member, index_t rows, index_t before,
                      std::vector<Variable<T>>& ended);
/// A member after the last step, with the rows that ended before, in the order of the batch. `ended` has the
/// members one after another for each time that rows ended.
template <class T>
Variable<T> all_rows(const SequencePlan& plan, const Variable<T>& member, std::size_t number,
                     std::size_t members, const std::vector<Variable<T>>& ended);
/// The rows of a member in the order of the loop.
/// Errors: ShapeError where it does not have B rows.
template <class T>
Variable<T> sorted_rows(const SequencePlan& plan, const Variable<T>& member);

/// Rows of `fresh` where `begins`, rows of `member` elsewhere.
template <class T>
Variable<T> begin_rows(const std::vector<char>& begins, const Variable<T>& fresh, const Variable<T>& member);

}  // namespace unroll::detail
