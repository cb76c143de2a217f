#pragma once  // internal
/// \file Some rows of a batch: taken out of arrays, and put back.

#include <algorithm>

#include "unroll/autograd/indices.hpp"

namespace unroll::detail {

/// The rows [first, first + count) of a batch.
struct BatchRows {
  index_t first = 0, count = 0;

  /// Where they lie in an array whose axis `axis` is the batch: calls f(place in the array, among the rows, how
  /// many).
  template <class F>
  void for_each(const Shape& shape, int axis, index_t run, index_t pitch, F&& f) const {
    index_t outer = 1, inner = 1;
    for (int k = 0; k < shape.rank(); ++k) (k < axis ? outer : inner) *= k == axis ? 1 : shape[k];
    const index_t n = count * inner;
    for (index_t o = 0; o < outer; ++o) {
      for (index_t done = 0, m = 0; done < n; done += m) {
        const index_t at = (o * shape[axis] + first) * inner + done;
        m = std::min(n - done, run - at % run);
        f(at / run * pitch + at % run, o * n + done, m);
      }
    }
  }

  /// A copy of the rows of a value or a gradient, as a constant.
  template <class T>
  Variable<T> of(const Shape& shape, int axis, const GradSlot<T>& from) const {
    auto rows = Variable<T>::uninitialised(shape.with(axis, count));
    for_each(shape, axis, from.run, from.pitch, [&](index_t at, index_t to, index_t n) {
      std::copy_n(from.data + at, n, rows.tensor()->data + to);
    });
    return rows;
  }
  template <class T>
  Variable<T> of(const Tensor<T>& t, int axis) const {
    return of<T>(t.shape, axis, {t.data, t.run, t.pitch, true});
  }
  Indices of(const Indices& all, int axis) const {
    const Shape shape = all.shape().with(axis, count);
    std::vector<std::int64_t> values(static_cast<std::size_t>(shape.size()));
    for_each(all.shape(), axis, all.size(), all.size(), [&](index_t at, index_t to, index_t n) {
      std::copy_n(all.begin() + at, n, values.begin() + to);
    });
    return {shape, std::move(values)};
  }
};

}  // namespace unroll::detail
