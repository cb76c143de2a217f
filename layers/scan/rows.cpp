#include "unroll/detail/layers/scan/rows.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/join.hpp"

namespace unroll::detail {

template <class T>
SequencePlan plan_scan(const Variable<T>& xs, const ScanOptions& options) {
  if (!xs) fail_empty("scan", 1);
  if (xs.rank() < 1 || xs.shape()[0] == 0)
    raise<UsageError>("scan: need xs (T, …) with T ≥ 1; got {}", xs.shape().str());
  const bool rows_matter = options.lengths.size() > 0 || options.resets.size() > 0;
  if (rows_matter && xs.rank() < 2)
    raise<ShapeError>("scan: lengths and resets need xs (T, B, …); got {}", xs.shape().str());
  const index_t time = xs.shape()[0], batch = xs.rank() < 2 ? 1 : xs.shape()[1];
  if (options.resets.size() > 0 && !(options.resets.shape() == Shape{time, batch})) {
    raise<ShapeError>("scan: need resets ({}, {}) for xs {}; got {}", time, batch, xs.shape().str(),
                      options.resets.shape().str());
  }
  if (options.segment < ScanOptions::square_root)
    raise<UsageError>("scan: need a segment of 1 or more steps, 0 for none or square_root; got {}",
                      options.segment);
  check_noise(options.noise);
  return plan_sequences(time, batch, options.reverse, options.lengths);
}

bool is_plain(const SequencePlan& plan, const ScanOptions& options) {
  const bool recomputes = (options.segment != 0 || options.memory > 0) && !NoGrad::active();
  return !plan.packed && options.resets.size() == 0 && !recomputes && !options.noise.drops() &&
         !options.noise.zones();
}

template <class T>
Variable<T> packed_rows(const SequencePlan& plan, const Variable<T>& xs) {
  if (!plan.packed) return dense(xs);
  return gather(reshape(xs, xs.shape().without(0).with(0, plan.time * plan.batch)), plan.pick);
}

template <class T>
Variable<T> padded(const SequencePlan& plan, const Variable<T>& y) {
  if (!plan.packed) return y;
  const Variable<T> rows = scatter_add(y, plan.pick, plan.time * plan.batch);
  return reshape(rows, y.shape().with(0, plan.batch).inserted(0, plan.time));
}

template <class T>
LazyUnbind<T> step_inputs(const SequencePlan& plan, const Variable<T>& x, index_t first, index_t last) {
  const index_t units = plan.units(first, last);
  if (x.rank() < 1 || x.shape()[0] != units) {
    raise<ShapeError>("scan: project must keep the {} {}; got {}", units, plan.packed ? "rows" : "time steps",
                      x.shape().str());
  }
  if (!plan.packed) return LazyUnbind<T>(x);
  PoolVector<index_t> bounds;
  for (index_t k = first; k <= last; ++k) bounds.push_back(plan.units(first, k));
  return LazyUnbind<T>(x, std::move(bounds));
}

template <class T>
LazyUnbind<T> segment_inputs(const SequencePlan& plan, const Variable<T>& x, index_t length) {
  PoolVector<index_t> bounds = {plan.units(0, plan.steps)};
  for (index_t first = 0; first < plan.steps; first += length)
    bounds.push_back(plan.begin(first, std::min(plan.steps, first + length)));
  std::sort(bounds.begin(), bounds.end());
  return LazyUnbind<T>(x, std::move(bounds));
}

template <class T>
Variable<T> keep_rows(const Variable<T>& member, index_t rows, index_t before,
                      std::vector<Variable<T>>& ended) {
  if (member.rank() < 1 || member.shape()[0] != before) {
    raise<ShapeError>("scan: with lengths each member of the state needs {} rows; got {}", before,
                      member.shape().str());
  }
  const std::vector<Variable<T>> parts = view_parts(ViewKind::split, member, 0, {0, rows, before}, false);
  ended.push_back(parts[1]);
  return parts[0];
}

template <class T>
Variable<T> all_rows(const SequencePlan& plan, const Variable<T>& member, std::size_t number,
                     std::size_t members, const std::vector<Variable<T>>& ended) {
  if (!plan.packed) return member;
  std::vector<Variable<T>> pieces = {member};
  for (std::size_t k = ended.size() / members; k-- > 0;) pieces.push_back(ended[k * members + number]);
  return gather(pieces.size() == 1 ? member : concat(pieces, 0), plan.inverse);
}

template <class T>
Variable<T> sorted_rows(const SequencePlan& plan, const Variable<T>& member) {
  if (member.rank() < 1 || member.shape()[0] != plan.batch) {
    raise<ShapeError>("scan: with lengths or resets each member of the state needs {} rows; got {}",
                      plan.batch, member.shape().str());
  }
  return plan.packed ? gather(member, plan.order) : member;
}

template <class T>
Variable<T> begin_rows(const std::vector<char>& begins, const Variable<T>& fresh, const Variable<T>& member) {
  const auto rows = static_cast<index_t>(begins.size());
  Shape column{rows};
  while (column.rank() < member.rank()) column = column.inserted(column.rank(), 1);
  auto mask = Variable<T>::uninitialised(column);
  std::copy(begins.begin(), begins.end(), mask.mutable_data());
  return where(mask, fresh.shape()[0] == rows ? fresh : slice(fresh, 0, 0, rows), member);
}

UNROLL_COMPILE_FUNCTIONS(plan_scan, packed_rows, padded, step_inputs, segment_inputs, keep_rows, all_rows,
                         sorted_rows, begin_rows)

}  // namespace unroll::detail
