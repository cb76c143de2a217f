#include "unroll/detail/autograd/ops/recurrence_rows.hpp"

namespace unroll::detail {

void check_sequences(const char* op, const Shape& shape, const RecurrenceOptions& o) {
  const index_t time = shape[0], batch = shape.rank() < 2 ? 1 : shape[1];
  if (o.lengths.size() == 0 && o.resets.size() == 0) return;
  if (shape.rank() < 2) raise<ShapeError>("{}: lengths and resets need b (T, B, …); got {}", op, shape.str());
  if (o.lengths.size() > 0 && !(o.lengths.shape() == Shape{batch}))
    raise<ShapeError>("{}: need a length for each of {} sequences; got lengths {}", op, batch,
                      o.lengths.shape().str());
  for (index_t r = 0; r < o.lengths.size(); ++r)
    if (o.lengths[r] < 0 || o.lengths[r] > time)
      raise<IndexError>("{}: need lengths from 0 to {}; got {} for sequence {}", op, time, o.lengths[r], r);
  if (o.resets.size() > 0 && !(o.resets.shape() == Shape{time, batch}))
    raise<ShapeError>("{}: need resets ({}, {}); got {}", op, time, batch, o.resets.shape().str());
}

std::vector<RowStart> row_starts(const Shape& shape, const RecurrenceOptions& o) {
  const index_t time = shape[0], batch = shape.rank() < 2 ? 1 : shape[1];
  if (o.lengths.size() == 0 && o.resets.size() == 0) return {};
  std::vector<RowStart> starts(static_cast<std::size_t>(time * batch), RowStart::goes_on);
  for (index_t r = 0; r < batch; ++r) {
    const index_t length = o.lengths.size() > 0 ? o.lengths[r] : time;
    const auto begins = [&](index_t t) { return o.resets.size() > 0 && o.resets[t * batch + r] != 0; };
    for (index_t t = 0; t < time; ++t) {
      RowStart& start = starts[static_cast<std::size_t>(t * batch + r)];
      const bool first = t == (o.reverse ? length - 1 : 0);
      if (t >= length)
        start = RowStart::ended;
      else if (o.reverse ? !first && begins(t + 1) : begins(t))
        start = RowStart::fresh;
      else if (first)
        start = RowStart::given;
    }
  }
  return starts;
}

}  // namespace unroll::detail
