#pragma once  // internal
/// \file Weight gradients that wait for the end of backward, so that all time steps make one product.

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
};

/// What: all uses of one parameter: W.grad += Σ dyᵀ x, or b.grad += Σ rows of dy, in order of time.
/// The rows are cut into products by their number alone, so that rounding does not depend on addresses.
template <class T>
struct DeferredProduct {
  TensorRef<T> parameter;
  PoolVector<DeferredUse<T>> uses;
};

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
