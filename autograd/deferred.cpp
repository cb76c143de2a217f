#include "autograd/deferred.hpp"

#include <algorithm>

#include "autograd/falsify.hpp"
#include "autograd/gemm.hpp"
#include "autograd/traffic.hpp"

namespace unroll::detail {
namespace {

// Rows of one product: long enough to be efficient, short enough for a copy to stay in the cache's reach.
constexpr index_t rows_at_once = 4096;
// Rows that lie in one piece are not copied from this many on.
constexpr index_t rows_in_place = 512;

/// The rows of consecutive uses, stacked: (rows, outputs) and (rows, inputs).
template <class T>
struct Stacked {
  const T* dy = nullptr;
  const T* x = nullptr;
  index_t x_stride = 0, rows = 0;
};

// The uses from `first` on whose rows lie one after another. Only slices of one array ever do, because
// every array is preceded by its header: what is merged follows from the graph, not from addresses.
template <class T>
const DeferredUse<T>* end_of_piece(const DeferredUse<T>* first, const DeferredUse<T>* end, index_t outputs,
                                   index_t& rows) {
  rows = first->rows;
  const DeferredUse<T>* u = first + 1;
  for (; u != end && rows + u->rows <= rows_at_once; ++u) {
    if (u->dy != first->dy + rows * outputs) break;
    if (u->x && (u->x_stride != first->x_stride || u->x->data != first->x->data + rows * first->x_stride))
      break;
    rows += u->rows;
  }
  return u;
}

template <class T>
void copy_rows(const T* from, index_t rows, index_t cols, index_t stride, T* to) {
  current_traffic.copied += bytes_of<T>(rows * cols);
  for (index_t r = 0; r < rows; ++r) std::copy_n(from + r * stride, cols, to + r * cols);
}

/// Takes the next product's worth of uses; copies them into `dy` and `x` where they lie scattered.
template <class T>
Stacked<T> take_rows(const DeferredUse<T>*& u, const DeferredUse<T>* end, index_t outputs, index_t inputs,
                     PoolVector<T>& dy, PoolVector<T>& x) {
  index_t rows = 0;
  const DeferredUse<T>* first = u;
  const DeferredUse<T>* stop = end_of_piece(first, end, outputs, rows);
  if (rows >= rows_in_place || stop == end) {
    u = stop;
    return {first->dy, first->x ? first->x->data : nullptr, first->x_stride, rows};
  }
  for (;;) {  // short pieces together, up to the next long one
    index_t more = 0;
    if (stop == end) break;
    const DeferredUse<T>* next = end_of_piece(stop, end, outputs, more);
    if (more >= rows_in_place || rows + more > rows_at_once) break;
    rows += more;
    stop = next;
  }
  dy.resize(static_cast<std::size_t>(rows * outputs));
  x.resize(static_cast<std::size_t>(rows * inputs));
  index_t at = 0;
  for (; u != stop; ++u) {
    copy_rows(u->dy, u->rows, outputs, outputs, dy.data() + at * outputs);
    if (u->x) copy_rows<T>(u->x->data, u->rows, inputs, u->x_stride, x.data() + at * inputs);
    at += u->rows;
  }
  return {dy.data(), x.data(), inputs, rows};
}

}  // namespace

template <class T>
void flush_product(DeferredProduct<T>& product) {
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
    const Stacked<T> s = take_rows(u, end, outputs, inputs, dy_buffer, x_buffer);
    if (bias) {
      sum_rows(s.dy, s.rows, outputs, g.data, beta != T{0});
    } else {
      blas::gemm<T>(blas::Trans::yes, blas::Trans::no, outputs, inputs, s.rows, T{1}, s.dy, outputs, s.x,
                    s.x_stride, beta, g.data, inputs);
    }
    beta = T{1};
  }
}

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
  for (DeferredProduct<T>& product : tape.deferred) {
    [[maybe_unused]] const Falsifier<T> falsifier(to_falsify(product));
    flush_product(product);
  }
  tape.deferred.clear();
}

#define UNROLL_INSTANTIATE(T)                       \
  template void defer(Tensor<T>&, DeferredUse<T>);  \
  template void flush_product(DeferredProduct<T>&); \
  template void flush_deferred(Tape<T>&);           \
  template void sum_rows(const T*, index_t, index_t, T*, bool);
UNROLL_INSTANTIATE(float)
UNROLL_INSTANTIATE(double)

}  // namespace unroll::detail
