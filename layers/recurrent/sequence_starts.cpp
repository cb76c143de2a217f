#include "unroll/detail/layers/recurrent/sequence_starts.hpp"

#include <algorithm>

#include "unroll/autograd/functions.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

template <class T>
Variable<T> first_steps(const Shape& x, const Variable<T>& started, const RecurrenceOptions& o) {
  const index_t time = x[0], batch = x[1];
  Variable<T> mask({time, batch, 1}, T{0});
  T* const m = mask.mutable_data();
  for (index_t r = 0; time > 0 && r < batch; ++r) m[r] = started.data()[r] == T{0} ? T{1} : T{0};
  for (index_t i = 0; i < o.resets.size(); ++i)
    if (o.resets[i] != 0) m[i] = T{1};
  return mask;
}

template <class T>
Variable<T> after_steps(const Shape& x, const Variable<T>& started, const RecurrenceOptions& o) {
  Variable<T> ran({x[1], 1}, T{0});
  for (index_t r = 0; r < x[1]; ++r)
    if (x[0] > 0 && (o.lengths.size() == 0 || o.lengths[r] > 0)) ran.mutable_data()[r] = T{1};
  return where(ran, T{1}, started);
}

UNROLL_COMPILE_FUNCTIONS(first_steps, after_steps)

}  // namespace unroll::detail
