#include "autograd/deferred.hpp"

#include <algorithm>

#include "autograd/gemm.hpp"

namespace unroll::detail {
namespace {

// Rows of one product: long enough to be efficient, short enough for a copy to stay in the cache's reach.
constexpr index_t rows_at_once = 4096;

// Consecutive uses [first, last), whose rows are stacked: in place where they already lie so.
template <class T>
const T* stack_rows(const DeferredUse<T>* first, const DeferredUse<T>* last, index_t cols, bool of_x,
                    index_t& stride, PoolVector<T>& buffer) {
  const auto data = [&](const DeferredUse<T>& u) { return of_x ? static_cast<const T*>(u.x->data) : u.dy; };
  stride = of_x ? first->x_stride : cols;
  const T* next = data(*first);
  bool stacked = true;
  for (const DeferredUse<T>* u = first; stacked && u != last; ++u) {
    stacked = data(*u) == next && (!of_x || u->x_stride == stride);
    next += u->rows * stride;
  }
  if (stacked) return data(*first);
  index_t rows = 0;
  for (const DeferredUse<T>* u = first; u != last; ++u) rows += u->rows;
  buffer.resize(static_cast<std::size_t>(rows * cols));
  T* to = buffer.data();
  for (const DeferredUse<T>* u = first; u != last; ++u) {
    const index_t pitch = of_x ? u->x_stride : cols;
    for (index_t r = 0; r < u->rows; ++r, to += cols) std::copy_n(data(*u) + r * pitch, cols, to);
  }
  stride = cols;
  return buffer.data();
}

template <class T>
void flush_one(DeferredProduct<T>& product) {
  Tensor<T>& p = *product.parameter;
  const bool bias = !product.uses.front().x;
  const index_t outputs = bias ? p.shape.size() : p.shape[0];
  const index_t inputs = bias ? 0 : p.shape[1];
  std::reverse(product.uses.begin(), product.uses.end());  // backward queued the last time step first
  const GradSlot<T> g = open_grad(p);
  T beta = g.add ? T{1} : T{0};
  PoolVector<T> x_buffer, dy_buffer;
  const DeferredUse<T>* end = product.uses.data() + product.uses.size();
  for (const DeferredUse<T>* u = product.uses.data(); u != end;) {
    const DeferredUse<T>* first = u;
    index_t rows = u->rows;
    for (++u; u != end && rows + u->rows <= rows_at_once; ++u) rows += u->rows;
    index_t dy_stride = 0, x_stride = 0;
    const T* dy = stack_rows(first, u, outputs, false, dy_stride, dy_buffer);
    if (bias) {
      sum_rows(dy, rows, outputs, g.data, beta != T{0});
    } else {
      const T* x = stack_rows(first, u, inputs, true, x_stride, x_buffer);
      blas::gemm<T>(blas::Trans::yes, blas::Trans::no, outputs, inputs, rows, T{1}, dy, dy_stride, x,
                    x_stride, beta, g.data, inputs);
    }
    beta = T{1};
  }
}

}  // namespace

template <class T>
void sum_rows(const T* dy, index_t rows, index_t cols, T* to, bool add) {
  // Float sums over many rows: a block at a time, so that no partial sum runs over more than 64 rows twice.
  constexpr index_t block = 64;
  PoolVector<T> partial(static_cast<std::size_t>(cols));
  if (!add) std::fill_n(to, cols, T{0});
  for (index_t r0 = 0; r0 < rows; r0 += block) {
    std::fill(partial.begin(), partial.end(), T{0});
    T* sum = partial.data();
    for (index_t r = r0; r < std::min(rows, r0 + block); ++r) {
      const T* row = dy + r * cols;
      for (index_t j = 0; j < cols; ++j) sum[j] += row[j];
    }
    for (index_t j = 0; j < cols; ++j) to[j] += sum[j];
  }
}

template <class T>
void defer(Tensor<T>& parameter, DeferredUse<T> use) {
  auto& queue = Tape<T>::local().deferred;
  for (DeferredProduct<T>& product : queue) {
    if (product.parameter.get() != &parameter) continue;
    product.uses.push_back(std::move(use));
    return;
  }
  queue.push_back({TensorRef<T>(&parameter), {}});
  queue.back().uses.push_back(std::move(use));
}

template <class T>
void flush_deferred(Tape<T>& tape) {
  for (DeferredProduct<T>& product : tape.deferred) flush_one(product);
  tape.deferred.clear();
}

#define UNROLL_INSTANTIATE(T)                      \
  template void defer(Tensor<T>&, DeferredUse<T>); \
  template void flush_deferred(Tape<T>&);          \
  template void sum_rows(const T*, index_t, index_t, T*, bool);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
