#pragma once  // internal
/// \file What a recurrence over whole sequences leaves behind each sequence's own last step.

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/recurrence_options.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/ops/op.hpp"

namespace unroll::detail {

/// Of h (T, B, …) what each sequence's own last step leaves; h0 where it has none.
template <class T>
Variable<T> last_state(const Variable<T>& h, const Variable<T>& h0, const RecurrenceOptions& o) {
  const Shape& shape = h.shape();
  const index_t time = shape[0];
  if (time == 0 || shape.size() == 0) return h0;
  if (o.reverse && o.lengths.size() == 0) return select(h, 0, 0);
  if (o.lengths.size() == 0) return select(h, 0, time - 1);
  const index_t batch = shape[1];
  std::vector<std::int64_t> places;
  Shape column{batch};
  while (column.rank() < h0.rank()) column = column.inserted(column.rank(), 1);
  Variable<T> empty(column, T{0});
  for (index_t r = 0; r < batch; ++r) {
    const index_t length = o.lengths[r];
    places.push_back((o.reverse || length == 0 ? 0 : length - 1) * batch + r);
    empty.mutable_data()[r] = length == 0 ? T{1} : T{0};
  }
  const Variable<T> rows = reshape(h, shape.without(0).with(0, time * batch));
  const Variable<T> last = gather(rows, Indices(std::move(places)));
  return recorded::where(empty, h0, last);
}

}  // namespace unroll::detail
