#pragma once  // internal
/// \file Weight gradients that wait for the end of backward, so that all time steps make one product.

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/core/gradient.hpp"

namespace unroll::detail {

/// The output gradient of one use of a parameter, and the input it was multiplied with (null for a bias).
template <class T>
struct DeferredUse {
  Ref<Block> x_storage;
  const T* x = nullptr;
  index_t x_stride = 0;
  Ref<Block> dy_storage;
  const T* dy = nullptr;
  index_t rows = 0;
  Precision precision = Precision::float32;
};

/// What: all uses of one parameter: W.grad += Σ dyᵀ x, or b.grad += Σ rows of dy, in order of time.
/// The rows are cut into products by their number alone, so that rounding does not depend on addresses.
template <class T>
struct DeferredProduct {
  TensorRef<T> parameter;
  PoolVector<DeferredUse<T>> uses;
};

/// A weight as the blocks of one or more block-diagonal matrices that stand one below another: (G, heads, O, I), or
/// (heads, O, I) of one matrix, or (O, I) of one block. Block k multiplies the head k mod heads of a row. There is at
/// least one.
struct WeightBlocks {
  index_t outputs, inputs, heads, count;
  explicit WeightBlocks(const Shape& w)
      : outputs(w.back(1)),
        inputs(w.back(0)),
        heads(w.rank() > 2 ? w.back(2) : 1),
        count(w.product(0, w.rank() - 2)) {}
  /// What a row has before and after the product.
  index_t row_inputs() const { return heads * inputs; }
  index_t row_outputs() const { return count * outputs; }
  /// Where the inputs of block k begin in a row, its outputs in a row, and its weights.
  index_t input_at(index_t k) const { return k % heads * inputs; }
  index_t output_at(index_t k) const { return k * outputs; }
  index_t weight_at(index_t k) const { return k * outputs * inputs; }
};

/// What:   the gradient of a weight (O, I), or of each of its blocks: dW (+)= dyᵀ x.
/// Shapes: dy (rows, row_outputs) in one piece, x (rows, row_inputs), its rows x_stride apart.
template <class T>
void multiply_weight_gradient(const WeightBlocks& blocks, const T* dy, index_t rows, const T* x,
                              index_t x_stride, bool add, T* dw, Precision precision);

/// Room for rows that do not lie in one piece.
template <class T>
class DeferredBuffers {
 public:
  DeferredBuffers();
  ~DeferredBuffers();

 private:
  template <class U>
  friend void flush_product(DeferredProduct<U>& product, DeferredBuffers<U>& buffers);
  class Rows;
  std::unique_ptr<Rows> dy, x;
};

/// Does one product: adds to the parameter's gradient. Of one DeferredBuffers no use may go in between.
template <class T>
void flush_product(DeferredProduct<T>& product, DeferredBuffers<T>& buffers);

/// to[j] (+)= Σ_r dy[r, j].
template <class T>
void sum_rows(const T* dy, index_t rows, index_t cols, T* to, bool add);

}  // namespace unroll::detail
