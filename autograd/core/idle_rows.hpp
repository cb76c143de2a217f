#pragma once  // internal
/// \file Rows whose incoming gradient is 0 throughout. They contribute 0 to every gradient, whatever NaN or infinity
/// their other operand holds, so that where() and masks leak nothing.

#include <algorithm>
#include <cmath>
#include <limits>

#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/core/runs.hpp"
#include "unroll/detail/autograd/core/tensor.hpp"

namespace unroll::detail {

template <class T>
bool all_zero(const T* x, index_t n) {
  for (index_t j = 0; j < n; ++j)
    if (x[j] != T{0}) return false;
  return true;
}
template <class T>
bool all_finite(const T* x, index_t n) {
  int beyond = 0;
  for (index_t j = 0; j < n; ++j) beyond |= !(std::abs(x[j]) <= std::numeric_limits<T>::max());
  return beyond == 0;
}

/// The idle ones among `rows` rows of `cols` elements, `stride` apart.
template <class T>
PoolVector<index_t> idle_rows(const T* dy, index_t rows, index_t cols, index_t stride) {
  PoolVector<index_t> idle;
  for (index_t r = 0; r < rows; ++r)
    if (all_zero(dy + r * stride, cols)) idle.push_back(r);
  return idle;
}

/// The rows of an operand x that are multiplied with the rows of dy, zeros in place of what idle rows must not pass on.
template <class T>
class RowsInUse {
 public:
  RowsInUse(const T* dy, index_t dy_cols, const T* x, index_t rows, index_t cols, index_t stride)
      : data(x), stride(stride) {
    PoolVector<index_t> hidden;
    for (index_t r : idle_rows(dy, rows, dy_cols, dy_cols))
      if (!all_finite(x + r * stride, cols)) hidden.push_back(r);
    if (hidden.empty()) return;
    copy_.resize(static_cast<std::size_t>(rows * cols));
    for (index_t r = 0; r < rows; ++r) std::copy_n(x + r * stride, cols, copy_.data() + r * cols);
    for (index_t r : hidden) std::fill_n(copy_.data() + r * cols, cols, T{0});
    data = copy_.data();
    this->stride = cols;
  }
  RowsInUse(const RowsInUse&) = delete;
  RowsInUse& operator=(const RowsInUse&) = delete;

  const T* data;
  index_t stride;

 private:
  PoolVector<T> copy_;
};

/// Rows of `cols` elements, `ld` apart, that a product is stored to or added to.
template <class T>
struct ProductRows {
  T* data;
  index_t cols, ld;
  bool add;
};

/// What:   dx (+)= dy W, where multiply(beta, to, ldto) computes to = dy W + beta to, and is_finite() tells of W.
/// Shapes: dy (rows, dy_cols), in one piece; dx (rows, cols).
template <class T, class Finite, class Multiply>
void multiply_rows_in_use(const T* dy, index_t rows, index_t dy_cols, const ProductRows<T>& dx,
                          Finite&& is_finite, Multiply&& multiply) {
  if (rows == 0 || dx.cols == 0) return;  // there may be any number of the other
  const PoolVector<index_t> idle = idle_rows(dy, rows, dy_cols, dy_cols);
  if (idle.empty() || is_finite()) return multiply(dx.add ? T{1} : T{0}, dx.data, dx.ld);
  PoolVector<T> product(static_cast<std::size_t>(rows * dx.cols));
  multiply(T{0}, product.data(), dx.cols);
  for (index_t r : idle) std::fill_n(product.data() + r * dx.cols, dx.cols, T{0});
  for (index_t r = 0; r < rows; ++r)
    store_or_add<T>(dx.data + r * dx.ld, dx.cols, dx.add, product.data() + r * dx.cols);
}

}  // namespace unroll::detail
