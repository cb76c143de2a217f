#include "unroll/detail/layers/scan/linear_scan.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"

namespace unroll::detail {
namespace {

template <class T>
using MemberParts = std::vector<Variable<T>>;

// Padded to (T, B, …) where it has rows of its own; a constant has none.
template <class T>
Variable<T> unpacked(const SequencePlan& plan, const Variable<T>& x, const Variable<T>& b) {
  if (!plan.packed || x.rank() < b.rank() || x.shape()[0] != b.shape()[0]) return x;
  return padded(plan, x);
}

// What a sequence begins with at a reset, if that is not 0: h' = fresh there, and the recurrence takes h' for 0.
template <class T>
bool is_all_zero(const Variable<T>& x) {
  return !x.requires_grad() && std::all_of(x.data(), x.data() + x.size(), [](T v) { return v == T{0}; });
}
template <class T>
Variable<T> begin_mask(const SequencePlan& plan, const ScanOptions& options, int rank) {
  Shape shape{plan.time, plan.batch};
  while (shape.rank() < rank) shape = shape.inserted(shape.rank(), 1);
  Variable<T> mask(shape, T{0});
  for (index_t t = 0; t < plan.time; ++t)
    for (index_t r = 0; r < plan.batch; ++r) {
      const index_t length = options.lengths.size() > 0 ? options.lengths[r] : plan.time;
      const index_t begin = plan.reverse ? t + 1 : t;
      if (begin < length && options.resets[begin * plan.batch + r] != 0)
        mask.mutable_data()[t * plan.batch + r] = T{1};
    }
  return mask;
}
template <class T>
void add_fresh(MemberParts<T>& b, const MemberParts<T>& a, const MemberParts<T>& fresh,
               const Variable<T>& mask) {
  if (b.size() == 1) {
    b[0] = where(mask, a[0] * fresh[0] + b[0], b[0]);
    return;
  }
  const Variable<T> re = where(mask, a[0] * fresh[0] - a[1] * fresh[1] + b[0], b[0]);
  b[1] = where(mask, a[0] * fresh[1] + a[1] * fresh[0] + b[1], b[1]);
  b[0] = re;
}

template <class T>
RecurrenceResult<MemberParts<T>> run_parts(const MemberParts<T>& a, const MemberParts<T>& b,
                                           const MemberParts<T>& h0, const RecurrenceOptions& options) {
  if (b.size() == 1) {
    auto r = linear_recurrence(a[0], b[0], h0[0], options);
    return {{std::move(r.output)}, {std::move(r.state)}};
  }
  auto r = linear_recurrence(ComplexPair<T>{a[0], a[1]}, {b[0], b[1]}, {h0[0], h0[1]}, options);
  return {{std::move(r.output.re), std::move(r.output.im)}, {std::move(r.state.re), std::move(r.state.im)}};
}

// What stands in y at each sequence's last step; `before`, where it has none.
template <class T>
Variable<T> at_last_steps(const SequencePlan& plan, const Variable<T>& y, const Variable<T>& before,
                          const Indices& lengths) {
  if (!plan.packed) return select(y, 0, plan.reverse ? 0 : plan.time - 1);
  Shape column{plan.batch};
  while (column.rank() < before.rank()) column = column.inserted(column.rank(), 1);
  Variable<T> empty(column, T{0});
  std::vector<std::int64_t> places;
  for (index_t r = 0; r < plan.batch; ++r) {
    const index_t last = plan.reverse || lengths[r] == 0 ? 0 : lengths[r] - 1;
    places.push_back(last * plan.batch + r);
    if (lengths[r] == 0) empty.mutable_data()[r] = T{1};
  }
  const Variable<T> rows = reshape(y, y.shape().without(0).with(0, plan.time * plan.batch));
  return where(empty, before, gather(rows, Indices(std::move(places))));
}

// y with zeros beyond the sequences' ends.
template <class T>
Variable<T> without_ends(const SequencePlan& plan, const Variable<T>& y, const Indices& lengths) {
  if (!plan.packed) return y;
  Shape shape{plan.time, plan.batch};
  while (shape.rank() < y.rank()) shape = shape.inserted(shape.rank(), 1);
  Variable<T> mask(shape, T{0});
  for (index_t t = 0; t < plan.time; ++t)
    for (index_t r = 0; r < plan.batch; ++r)
      if (t < lengths[r]) mask.mutable_data()[t * plan.batch + r] = T{1};
  return where(mask, y, T{0});
}

}  // namespace

template <class T>
bool all_zero(const std::vector<Variable<T>>& members) {
  return std::all_of(members.begin(), members.end(), [](const auto& v) { return is_all_zero(v); });
}

template <class T>
AnyScanned<T> scan_sequence(const AnyCell<T>& cell, const SequencePlan& plan, const ScanOptions& options,
                            const Variable<T>& xs, std::vector<Variable<T>> state) {
  const RecurrenceOptions how{
      .reverse = options.reverse, .lengths = options.lengths, .resets = options.resets};
  AnyScanned<T> scanned = cell.sequence(cell.projects() ? cell.project(xs) : xs, state, how);
  scanned.output = without_ends(plan, scanned.output, options.lengths);
  scanned.state[cell.output] = at_last_steps(plan, scanned.output, state[cell.output], options.lengths);
  return scanned;
}

template <class T>
AnyScanned<T> scan_linear(const AnyCell<T>& cell, const SequencePlan& plan, const ScanOptions& options,
                          const Variable<T>& xs, std::vector<Variable<T>> state,
                          const std::vector<Variable<T>>& fresh) {
  const Variable<T> rows = packed_rows(plan, xs);
  AnyCoefficients<T> k = cell.coefficients(cell.projects() ? cell.project(rows) : rows);
  const std::size_t parts = k.b.size(), first = state.size() - parts;
  MemberParts<T> a, b, h0(state.begin() + static_cast<std::ptrdiff_t>(first), state.end());
  for (std::size_t p = 0; p < parts; ++p) {
    a.push_back(unpacked(plan, k.a[p], k.b[p]));
    b.push_back(unpacked(plan, k.b[p], k.b[p]));
  }
  if (options.resets.size() > 0) {
    const MemberParts<T> begin(fresh.begin() + static_cast<std::ptrdiff_t>(first), fresh.end());
    if (!all_zero(begin)) add_fresh(b, a, begin, begin_mask<T>(plan, options, b[0].rank()));
  }
  const RecurrenceOptions how{
      .reverse = options.reverse, .lengths = options.lengths, .resets = options.resets};
  auto [hs, last] = run_parts(a, b, h0, how);
  AnyScanned<T> scanned;
  if (k.output) {
    MemberParts<T> of_rows = hs;
    for (Variable<T>& part : of_rows) part = packed_rows(plan, part);
    scanned.output = padded(plan, k.output(of_rows));
    scanned.state = {at_last_steps(plan, scanned.output, state[cell.output], options.lengths)};
  } else {
    scanned.output = std::move(hs[0]);
  }
  scanned.state.insert(scanned.state.end(), last.begin(), last.end());
  return scanned;
}

UNROLL_COMPILE_FUNCTIONS(scan_linear, scan_sequence, all_zero)

}  // namespace unroll::detail
