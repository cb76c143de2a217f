#pragma once  // internal
/// \file What gemm() and PackedMatrix share, and the libraries behind gemm().

#include <string>

#include "unroll/detail/autograd/gemm/product.hpp"

namespace unroll::blas::backend {

/// Throws ShapeError, `who` first, unless op(A) of these sizes can be stored with rows ld apart.
void check_stored(const char* who, Trans t, index_t rows, index_t cols, index_t ld);

/// Adds a product to this thread's counters and logs.
void count_product(const Product& product);
/// What a trace calls one: "gemm (m, k) x (k, n)".
std::string traced_name(const char* function, index_t m, index_t n, index_t k);

/// Whether blocked_gemm is the fastest there is for such a product.
template <class T>
bool blocked_is_best(Trans ta, index_t m, index_t n);

/// C = op(A) op(B), or the same added to C, by the library's own kernel on up to `threads` threads.
/// Sizes are positive.
template <class T>
void blocked_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const T* a, index_t lda, const T* b,
                  index_t ldb, bool add, T* c, index_t ldc, int threads);

/// Whether small_gemm is: few rows, short sums, and a B that stays in the cache.
template <class T>
bool small_is_best(Trans ta, Trans tb, index_t m, index_t n, index_t k);

/// The same product where the operands lie, on one thread; for sizes that small_is_best names.
template <class T>
void small_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const T* a, index_t lda, const T* b,
                index_t ldb, bool add, T* c, index_t ldc);

/// C = alpha op(A) op(B) + beta C through the CBLAS that was linked; one thread. Sizes are positive.
template <class T>
void cblas_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda,
                const T* b, index_t ldb, T beta, T* c, index_t ldc);

/// Debian 12's OpenBLAS 0.3.21 takes processors younger than itself for a Prescott and runs five times too
/// slow: lets it choose again, by instruction set. At the first call only.
void choose_openblas_kernels();

/// The same product by oneDNN; one thread. False, and nothing done, in a build without oneDNN.
bool dnnl_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, float alpha, const float* a, index_t lda,
               const float* b, index_t ldb, float beta, float* c, index_t ldc);

}  // namespace unroll::blas::backend
