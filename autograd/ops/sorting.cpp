#include "unroll/autograd/sorting.hpp"

#include <algorithm>

#include "unroll/autograd/gather.hpp"
#include "unroll/autograd/views.hpp"
#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll {
namespace detail {
namespace {

template <class T>
struct Ranked {
  T value;
  index_t place;
};

// Whether a is smaller than b; NaN is the largest.
template <class T>
bool smaller(T a, T b) {
  return !(a >= b) && a == a;
}

/// Of each line: whether one element stands before another.
struct LineOrder {
  bool descending;
  template <class T>
  bool operator()(const Ranked<T>& a, const Ranked<T>& b) const {
    const T x = descending ? b.value : a.value, y = descending ? a.value : b.value;
    if (smaller(x, y)) return true;
    return !smaller(y, x) && a.place < b.place;
  }
};

/// The places of the first `count` elements of each line along an axis.
template <class T>
Sorted<T> ordered(const Variable<T>& x0, int axis, index_t count, LineOrder order) {
  const Variable<T> x = dense(x0);
  const T* elements = x.data();
  const Shape from = x.shape(), shape = from.with(axis, count);
  const index_t extent = from[axis], inner = from.product(axis + 1, from.rank());
  const auto size = static_cast<std::size_t>(shape.size());
  std::vector<std::int64_t> places(size), flat(size);
  PoolVector<Ranked<T>> line(size == 0 ? 0 : static_cast<std::size_t>(extent));
  for (index_t l = 0, lines = size == 0 ? 0 : shape.size() / count; l < lines; ++l) {
    const index_t outer = l / inner, first = outer * extent * inner + l % inner;
    for (index_t k = 0; k < extent; ++k) line[static_cast<std::size_t>(k)] = {elements[first + k * inner], k};
    const auto end = line.begin() + count;
    if (count < extent) std::nth_element(line.begin(), end, line.end(), order);
    std::sort(line.begin(), end, order);
    auto to = static_cast<std::size_t>(outer * count * inner + l % inner);
    for (auto at = line.begin(); at != end; ++at, to += static_cast<std::size_t>(inner)) {
      places[to] = at->place;
      flat[to] = first + at->place * inner;
    }
  }
  return {gather(reshape(x, {-1}), Indices(shape, std::move(flat))), Indices(shape, std::move(places))};
}

}  // namespace
}  // namespace detail

template <class T>
Sorted<T> sort(const Variable<T>& x, int axis, const SortOptions& options) {
  if (!x) detail::fail_empty("sort", 0);
  const int a = normalise_axis("sort", axis, x.rank());
  return detail::ordered(x, a, x.shape()[a], {options.descending});
}

template <class T>
Sorted<T> topk(const Variable<T>& x, index_t k, int axis, const TopkOptions& options) {
  if (!x) detail::fail_empty("topk", 0);
  const int a = normalise_axis("topk", axis, x.rank());
  if (k < 0 || k > x.shape()[a])
    raise<IndexError>("topk: k must be 0 to {} for axis {} of {}; got {}", x.shape()[a], axis,
                      x.shape().str(), k);
  return detail::ordered(x, a, k, {options.largest});
}

UNROLL_COMPILE_FUNCTIONS(sort, topk)

}  // namespace unroll
