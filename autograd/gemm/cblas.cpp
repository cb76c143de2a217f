/// \file What the library's own kernels are not for: gemm by xtensor-blas' cxxblas, or, without a BLAS, by those kernels all
/// the same. A file of its own: the cblas declarations of cxxblas clash with <cblas.h>.

#include "unroll/detail/autograd/gemm/backend.hpp"

#ifndef UNROLL_NO_BLAS
#include <algorithm>
#include <complex>
#include <limits>

#include "unroll/autograd/error.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "xtensor-blas/xblas_config.hpp"
// after the configuration that declares a CBLAS
#include "xflens/cxxblas/cxxblas.cxx"

namespace unroll::blas::backend {

template <class T>
void cblas_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda,
                const T* b, index_t ldb, T beta, T* c, index_t ldc) {
  // the index is an int behind cxxblas, whatever type it is given
  if (std::max({m, n, k, lda, ldb, ldc}) > std::numeric_limits<int>::max()) {
    raise<ShapeError>("gemm: CBLAS takes sizes below 2^31; got m {}, n {}, k {}, lda {}, ldb {}, ldc {}", m,
                      n, k, lda, ldb, ldc);
  }
  choose_openblas_kernels();
  const auto transpose = [](Trans t) { return t == Trans::yes ? cxxblas::Trans : cxxblas::NoTrans; };
  cxxblas::gemm<long>(cxxblas::RowMajor, transpose(ta), transpose(tb), m, n, k, alpha, a, lda, b, ldb, beta,
                      c, ldc);
}

UNROLL_COMPILE_FUNCTIONS(cblas_gemm)

}  // namespace unroll::blas::backend

#else

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/pool.hpp"

namespace unroll::blas::backend {

template <class T>
void cblas_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda,
                const T* b, index_t ldb, T beta, T* c, index_t ldc) {
  if (alpha == T(1) && (beta == T(0) || beta == T(1)))
    return blocked_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta == T(1), c, ldc, 1);
  detail::PoolVector<T> product(static_cast<std::size_t>(m * n));
  blocked_gemm(ta, tb, m, n, k, a, lda, b, ldb, false, product.data(), n, 1);
  for (index_t r = 0; r < m; ++r) {
    T* const to = c + r * ldc;
    for (index_t j = 0; j < n; ++j) {
      const T part = alpha * product[static_cast<std::size_t>(r * n + j)];
      to[j] = beta == T(0) ? part : part + beta * to[j];
    }
  }
}

UNROLL_COMPILE_FUNCTIONS(cblas_gemm)

}  // namespace unroll::blas::backend

#endif
