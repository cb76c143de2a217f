#pragma once  // internal
/// \file Fused loops over any number of columns, and over arrays that repeat elements or lie in several
/// pieces.

#include "unroll/detail/autograd/core/loop.hpp"
#include "unroll/detail/autograd/fused/code.hpp"

namespace unroll::detail {

template <class T>
void forward_rest(const FusedCode<T>& code, const T* numbers, const index_t* masks, const T* const* row,
                  index_t begin, index_t end, T* const* out);
template <class T>
void backward_rest(const FusedCode<T>& code, const T* numbers, const index_t* masks, const T* const* row,
                   index_t begin, index_t end, const T* const* out_grad, const Sink<T>* sinks);

/// FusedCode::forward of any number of columns.
template <class T>
inline void forward_columns(const FusedCode<T>& code, const T* numbers, const index_t* masks,
                            const T* const* row, index_t cols, T* const* out) {
  const index_t whole = cols & -index_t{code.width};
  if (whole > 0) code.forward(numbers, masks, row, whole, out);
  if (whole < cols) forward_rest(code, numbers, masks, row, whole, cols, out);
}
/// FusedCode::backward of any number of columns.
template <class T>
inline void backward_columns(const FusedCode<T>& code, const T* numbers, const index_t* masks,
                             const T* const* row, index_t cols, const T* const* out_grad,
                             const Sink<T>* sinks) {
  const index_t whole = cols & -index_t{code.width};
  if (whole > 0) code.backward(numbers, masks, row, whole, out_grad, sinks);
  if (whole < cols) backward_rest(code, numbers, masks, row, whole, cols, out_grad, sinks);
}

/// The outputs of an expression, each in one piece, from inputs of any layouts that broadcast to `shape`.
template <class T>
void forward_walking(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs, const Shape& shape,
                     T* const* out);
/// The gradients of such inputs, which have any layouts as well.
template <class T>
void backward_walking(const FusedCode<T>& code, const T* numbers, Tensor<T>* const* inputs,
                      const Shape& shape, const T* const* out_grad, const Sink<T>* sinks);

}  // namespace unroll::detail
