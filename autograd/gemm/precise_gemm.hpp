#pragma once  // internal
/// \file A product in a precision that is known at run time.

#include "unroll/autograd/precision.hpp"
#include "unroll/detail/autograd/gemm/bfloat16.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace unroll::blas {

/// C = op(A) op(B), or the same added to C; in double the precision does not count.
template <class T>
void precise_gemm([[maybe_unused]] Precision precision, Trans ta, Trans tb, index_t m, index_t n, index_t k,
                  const T* a, index_t lda, const T* b, index_t ldb, bool add, T* c, index_t ldc) {
  if constexpr (sizeof(T) == 4)
    if (precision == Precision::bfloat16) return bfloat16_gemm(ta, tb, m, n, k, a, lda, b, ldb, add, c, ldc);
  gemm<T>(ta, tb, m, n, k, T{1}, a, lda, b, ldb, add ? T{1} : T{0}, c, ldc);
}

}  // namespace unroll::blas
