#include "unroll/layers/recurrent_options.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/layers/pooling.hpp"

namespace unroll::detail {

template <class T>
Variable<T> merge_directions(Merge how, const Variable<T>& forward, const Variable<T>& backward) {
  switch (how) {
    case Merge::concat:
      return concat<T>({forward, backward}, -1);
    case Merge::sum:
      return forward + backward;
    case Merge::mean:
      return (forward + backward) * 0.5;
  }
  raise<UsageError>("recurrent: unknown way to merge");
}

SequenceOptions time_first(SequenceOptions options) {
  const Indices& r = options.resets;
  if (r.size() == 0) return options;
  if (r.shape().rank() != 2) raise<ShapeError>("recurrent: need resets (B, T); got {}", r.shape().str());
  const index_t batch = r.shape()[0], time = r.shape()[1];
  std::vector<std::int64_t> swapped;
  for (index_t t = 0; t < time; ++t)
    for (index_t b = 0; b < batch; ++b) swapped.push_back(r[b * time + t]);
  options.resets = Indices(Shape{time, batch}, std::move(swapped));
  return options;
}

template <class T>
Variable<T> without_padding(const Variable<T>& x, const Indices& lengths) {
  if (lengths.size() == 0) return x;
  return where(length_mask<T>(lengths, x.shape()[0]), x, T{0});
}

UNROLL_COMPILE_FUNCTIONS(merge_directions, without_padding)

}  // namespace unroll::detail
