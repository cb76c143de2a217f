/// \file gemm by oneDNN.

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"

#ifdef UNROLL_HAVE_DNNL

#include <oneapi/dnnl/dnnl.h>

#include "unroll/detail/autograd/base/signals_wait.hpp"

extern "C" {
// libgomp is where oneDNN's threads come from; declared here so that a compiler without -fopenmp will do
__attribute__((weak)) int omp_get_max_threads();
__attribute__((weak)) void omp_set_num_threads(int count);
}

namespace unroll::blas::backend {
namespace {

/// While it lives, OpenMP starts no threads for this one.
class NoOpenMpThreads {
 public:
  NoOpenMpThreads() : before_(omp_get_max_threads ? omp_get_max_threads() : 1) {
    if (before_ != 1) omp_set_num_threads(1);
  }
  ~NoOpenMpThreads() {
    if (before_ != 1) omp_set_num_threads(before_);
  }
  NoOpenMpThreads(const NoOpenMpThreads&) = delete;
  NoOpenMpThreads& operator=(const NoOpenMpThreads&) = delete;

 private:
  int before_;
};

}  // namespace

// Up to version 3.11 at least, oneDNN's kernels for products that are not copied first use the stack pointer for a buffer
// on the heap: a signal handler that runs meanwhile writes its frame over whatever lies below that buffer.
// Source: https://github.com/uxlfoundation/oneDNN/issues/4845.
bool dnnl_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, float alpha, const float* a, index_t lda,
               const float* b, index_t ldb, float beta, float* c, index_t ldc) {
  const NoOpenMpThreads alone;
  const detail::SignalsWait wait;
  const auto status =
      dnnl_sgemm(static_cast<char>(ta), static_cast<char>(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) raise<Error>("gemm: oneDNN failed with status {}", static_cast<int>(status));
  return true;
}

}  // namespace unroll::blas::backend

#else

bool unroll::blas::backend::dnnl_gemm(Trans, Trans, index_t, index_t, index_t, float, const float*, index_t,
                                      const float*, index_t, float, float*, index_t) {
  return false;
}

#endif
