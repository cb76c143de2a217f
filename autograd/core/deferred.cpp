#include "unroll/detail/autograd/core/deferred.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <tuple>
#include <utility>

#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/gemm/precise_gemm.hpp"

namespace unroll::detail {
namespace {

// Rows of one product: long enough to be efficient, short enough for a copy to stay in the cache's reach.
constexpr index_t rows_at_once = 4096;
// Rows that lie in one piece are not copied from this many on.
constexpr index_t rows_in_place = 512;

// The uses from `first` on whose rows lie one after another. Only slices of one array ever do, because
// every array is preceded by its header: what is merged follows from the graph, not from addresses.
template <class T>
const DeferredUse<T>* end_of_piece(const DeferredUse<T>* first, const DeferredUse<T>* end, index_t outputs,
                                   index_t& rows) {
  rows = first->rows;
  const DeferredUse<T>* u = first + 1;
  for (; u != end && rows + u->rows <= rows_at_once; ++u) {
    if (u->dy != first->dy + rows * outputs || u->precision != first->precision) break;
    if (u->x && (u->x_stride != first->x_stride || u->x != first->x + rows * first->x_stride)) break;
    rows += u->rows;
  }
  return u;
}

/// The uses that make the next product: a long piece, or several short ones up to the next long one.
template <class T>
std::span<const DeferredUse<T>> next_product(const DeferredUse<T>* first, const DeferredUse<T>* end,
                                             index_t outputs) {
  index_t rows = 0;
  const DeferredUse<T>* stop = end_of_piece(first, end, outputs, rows);
  const bool is_long = rows >= rows_in_place;
  while (!is_long && stop != end) {
    index_t more = 0;
    const DeferredUse<T>* next = end_of_piece(stop, end, outputs, more);
    if (more >= rows_in_place || rows + more > rows_at_once || stop->precision != first->precision) break;
    rows += more;
    stop = next;
  }
  return {first, stop};
}

}  // namespace

/// One operand of a product: its rows where they lie if they lie one after another, else a copy. The copy is
/// kept for the next product, which often has the same rows: those of x W and h U in one gate do.
template <class T>
class DeferredBuffers<T>::Rows {
 public:
  const T* data = nullptr;
  index_t stride = 0, count = 0;

  template <class Place>  // the first row of a use, and how far apart its rows are
  void take(std::span<const DeferredUse<T>> uses, index_t cols, Place&& place) {
    std::tie(data, stride) = place(uses.front());
    count = 0;
    bool in_place = true;
    for (const DeferredUse<T>& u : uses) {
      in_place = in_place && place(u) == std::pair(data + count * stride, stride);
      count += u.rows;
    }
    if (in_place) return;
    const auto held = [&](const Copied& c, const DeferredUse<T>& u) {
      return c.rows == u.rows && place(u) == std::pair(c.from, c.stride);
    };
    if (cols != cols_ || !std::equal(copied_.begin(), copied_.end(), uses.begin(), uses.end(), held))
      copy(uses, cols, place);
    data = static_cast<const T*>(block_->data());
    stride = cols;
  }

 private:
  struct Copied {
    const T* from;
    index_t stride, rows;
  };

  template <class Place>
  void copy(std::span<const DeferredUse<T>> uses, index_t cols, Place&& place) {
    const std::size_t bytes = bytes_of<T>(count * cols);
    if (!block_ || capacity_ < bytes) {
      block_ = Ref<Block>(Block::allocate(bytes));
      capacity_ = bytes;
    }
    auto* to = static_cast<T*>(block_->data());
    copied_.clear();
    copied_.reserve(uses.size());
    for (const DeferredUse<T>& u : uses) {
      const auto [from, apart] = place(u);
      copied_.push_back({from, apart, u.rows});
      for (index_t r = 0; r < u.rows; ++r, to += cols) std::copy_n(from + r * apart, cols, to);
    }
    cols_ = cols;
    current_traffic.copied += bytes;
  }

  Ref<Block> block_;
  std::size_t capacity_ = 0;
  PoolVector<Copied> copied_;  // what block_ has
  index_t cols_ = 0;
};

template <class T>
DeferredBuffers<T>::DeferredBuffers() : dy(std::make_unique<Rows>()), x(std::make_unique<Rows>()) {}
template <class T>
DeferredBuffers<T>::~DeferredBuffers() = default;

template <class T>
void flush_product(DeferredProduct<T>& product, DeferredBuffers<T>& buffers) {
  Tensor<T>& p = *product.parameter;
  std::reverse(product.uses.begin(), product.uses.end());  // backward queued the last time step first
  const GradSlot<T> g = open_grad(p);
  bool add = g.add;
  const DeferredUse<T>* end = product.uses.data() + product.uses.size();
  if (!product.uses.front().x) {  // a bias
    const index_t outputs = p.shape.size();
    if (outputs == 0) return;
    index_t rows = 0;
    for (const DeferredUse<T>* u = product.uses.data(); u != end; add = true) {
      const T* dy = u->dy;
      u = end_of_piece(u, end, outputs, rows);
      sum_rows(dy, rows, outputs, g.data, add);
    }
    return;
  }
  const WeightBlocks blocks(p.shape);
  const index_t outputs = blocks.row_outputs(), inputs = blocks.row_inputs();
  if (outputs == 0 || inputs == 0) return;
  auto &dy = *buffers.dy, &x = *buffers.x;
  for (const DeferredUse<T>* u = product.uses.data(); u != end; add = true) {
    const auto uses = next_product(u, end, outputs);
    dy.take(uses, outputs, [&](const DeferredUse<T>& use) { return std::pair(use.dy, outputs); });
    x.take(uses, inputs, [](const DeferredUse<T>& use) { return std::pair(use.x, use.x_stride); });
    multiply_weight_gradient<T>(blocks, dy.data, dy.count, x.data, x.stride, add, g.data,
                                uses.front().precision);
    u += uses.size();
  }
}

template <class T>
void multiply_weight_gradient(const WeightBlocks& blocks, const T* dy, index_t rows, const T* x,
                              index_t x_stride, bool add, T* dw, Precision precision) {
  const index_t outputs = blocks.row_outputs();
  if (outputs == 0 || blocks.inputs == 0) return;  // there may be any number of rows or blocks
  const RowsInUse<T> used(dy, outputs, x, rows, blocks.row_inputs(), x_stride);
  for (index_t k = 0; k < blocks.count; ++k) {
    blas::precise_gemm<T>(precision, blas::Trans::yes, blas::Trans::no, blocks.outputs, blocks.inputs, rows,
                          dy + blocks.output_at(k), outputs, used.data + blocks.input_at(k), used.stride, add,
                          dw + blocks.weight_at(k), blocks.inputs);
  }
}

template <class T>
void sum_rows(const T* dy, index_t rows, index_t cols, T* to, bool add) {
  sum_rows_at<T>(
      rows, cols, [=](index_t r) { return dy + r * cols; }, to, add);
}

UNROLL_COMPILE_TYPES(class DeferredBuffers)
UNROLL_COMPILE_FUNCTIONS(flush_product, multiply_weight_gradient, sum_rows)

}  // namespace unroll::detail
