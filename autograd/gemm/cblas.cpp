/// \file gemm by xtensor-blas' cxxblas. A file of its own: its cblas declarations clash with <cblas.h>.

#include <algorithm>
#include <complex>
#include <limits>

#include "unroll/autograd/error.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
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
