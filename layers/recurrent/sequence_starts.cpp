#include "unroll/detail/layers/recurrent/sequence_starts.hpp"

#include <algorithm>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/join.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"

namespace unroll::detail {

template <class T>
Variable<T> first_steps(const Shape& x, const Variable<T>& started, const RecurrenceOptions& o) {
  const index_t time = x[0], batch = x[1];
  const Variable<T> first = reshape(Variable<T>(equal(started, T{0})), {1, batch, 1});
  Variable<T> mask = time == 1   ? first
                     : time == 0 ? Variable<T>({0, batch, 1}, T{0})
                                 : concat<T>({first, Variable<T>({time - 1, batch, 1}, T{0})});
  if (o.resets.size() == 0) return mask;
  Variable<T> resets({time, batch, 1}, T{0});
  for (index_t i = 0; i < o.resets.size(); ++i)
    if (o.resets[i] != 0) resets.mutable_data()[i] = T{1};
  return where(resets, T{1}, mask);
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
