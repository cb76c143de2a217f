#include "unroll/layers/activation_penalties.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <cmath>

#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/autograd/views.hpp"

namespace unroll {
namespace {

template <class T>
void check_penalty(const char* what, const Variable<T>& y, double strength, const Indices& lengths) {
  if (!y) raise<UsageError>("{}: y is empty", what);
  if (y.rank() < 2) raise<ShapeError>("{}: need y (T, B, …); got {}", what, y.shape().str());
  if (!(strength >= 0 && std::isfinite(strength)))
    raise<UsageError>("{}: the strength must be finite and at least 0; got {}", what, strength);
  if (lengths.size() == 0) return;
  const index_t steps = y.shape()[0], batch = y.shape()[1];
  if (!(lengths.shape() == Shape{batch}))
    raise<ShapeError>("{}: need lengths ({},); got {}", what, batch, lengths.shape().str());
  for (index_t b = 0; b < batch; ++b)
    if (const auto n = lengths[b]; n < 0 || n > steps)
      raise<IndexError>("{}: length {} of sequence {} is not in 0 … {}", what, n, b, steps);
}

// strength · mean of squares of d, (T − skipped, B, …), where time t counts if t + skipped < its sequence's length.
template <class T>
Variable<T> mean_square(const Variable<T>& d, double strength, const Indices& lengths, index_t skipped) {
  if (d.size() == 0) return Variable<T>(Shape{}, T{0});
  if (lengths.size() == 0) return static_cast<T>(strength) * mean(square(d));
  const index_t steps = d.shape()[0], batch = d.shape()[1];
  Shape shape = d.shape();
  for (int axis = 2; axis < d.rank(); ++axis) shape = shape.with(axis, 1);
  Variable<T> counts(shape, T{0});
  T* at = counts.mutable_data();
  double count = 0;
  for (index_t t = 0; t < steps; ++t)
    for (index_t b = 0; b < batch; ++b)
      if (t + skipped < lengths[b]) at[t * batch + b] = T{1}, ++count;
  if (count == 0) return Variable<T>(Shape{}, T{0});
  const double each = count * static_cast<double>(d.size() / (steps * batch));
  // where, not a product: what lies beyond an end may be anything
  return static_cast<T>(strength / each) * sum(where(counts, square(d), T{0}));
}

}  // namespace

template <class T>
Variable<T> activation_regularisation(const Variable<T>& y, double strength, const Indices& lengths) {
  check_penalty("activation_regularisation", y, strength, lengths);
  return mean_square(y, strength, lengths, 0);
}

template <class T>
Variable<T> temporal_activation_regularisation(const Variable<T>& y, double strength,
                                               const Indices& lengths) {
  check_penalty("temporal_activation_regularisation", y, strength, lengths);
  const index_t steps = y.shape()[0];
  if (steps < 2) return Variable<T>(Shape{}, T{0});
  const Variable<T> d = slice(y, 0, 1, steps) - slice(y, 0, 0, steps - 1);
  return mean_square(d, strength, lengths, 1);
}

UNROLL_COMPILE_FUNCTIONS(activation_regularisation, temporal_activation_regularisation)

}  // namespace unroll
