#include "unroll/layers/pooling.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <limits>

#include "unroll/autograd/extremes.hpp"
#include "unroll/autograd/functions.hpp"
#include "unroll/autograd/reduce.hpp"
#include "unroll/detail/layers/base/checks.hpp"

namespace unroll {
namespace {

template <class T>
void check(const char* op, const Variable<T>& y, const Indices& lengths) {
  if (!y) detail::fail_empty(op, 0);
  if (y.rank() != 3 || (lengths.size() > 0 && !(lengths.shape() == Shape{y.shape()[1]})))
    raise<ShapeError>("{}: need y (T, B, F) and lengths (B,); got {} and {}", op, y.shape().str(),
                      lengths.shape().str());
  detail::check_lengths(op, lengths, y.shape()[0]);
}

}  // namespace

template <class T>
Variable<T> length_mask(const Indices& lengths, index_t time) {
  if (time < 0 || time > index_t{1} << 40)
    raise<UsageError>("length_mask: need from 0 to 2^40 steps; got {}", time);
  detail::check_lengths("length_mask", lengths, time);
  const index_t batch = lengths.size();
  const Shape shape{time, batch, 1};
  auto mask = Variable<T>::uninitialised(shape);
  T* const to = mask.mutable_data();
  for (index_t t = 0; t < time; ++t)
    for (index_t b = 0; b < batch; ++b) to[t * batch + b] = t < lengths[b] ? T{1} : T{0};
  return mask;
}

template <class T>
Variable<T> mean_over_time(const Variable<T>& y, const Indices& lengths) {
  check("mean_over_time", y, lengths);
  if (lengths.size() == 0) return mean(y, {0});
  auto share = Variable<T>::uninitialised({lengths.size(), 1});
  T* const to = share.mutable_data();
  for (index_t b = 0; b < lengths.size(); ++b)
    to[b] = T{1} / static_cast<T>(std::max<std::int64_t>(lengths[b], 1));
  return sum(where(length_mask<T>(lengths, y.shape()[0]), y, T{0}), {0}) * share;
}

template <class T>
Variable<T> max_over_time(const Variable<T>& y, const Indices& lengths) {
  check("max_over_time", y, lengths);
  if (lengths.size() == 0) return max(y, {0});
  for (index_t b = 0; b < lengths.size(); ++b)
    if (lengths[b] == 0) raise<UsageError>("max_over_time: sequence {} is empty and has no maximum", b);
  constexpr T lowest = -std::numeric_limits<T>::infinity();
  return max(where(length_mask<T>(lengths, y.shape()[0]), y, lowest), {0});
}

UNROLL_COMPILE_FUNCTIONS(length_mask, mean_over_time, max_over_time)

}  // namespace unroll
