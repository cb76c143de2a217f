/// \file gemm by oneDNN.

#include "autograd/error.hpp"
#include "autograd/gemm_backend.hpp"

#ifdef UNROLL_HAVE_DNNL

#include <oneapi/dnnl/dnnl.h>

extern "C" {
// libgomp is where oneDNN's threads come from; declared here so that a compiler without -fopenmp will do
__attribute__((weak)) int omp_get_max_threads();
__attribute__((weak)) void omp_set_num_threads(int count);
}

namespace unroll::blas::backend {
namespace {

/// Limits the OpenMP threads that this thread may start, and gives back what was set before.
class ThreadLimit {
 public:
  explicit ThreadLimit(int count) : before_(omp_get_max_threads ? omp_get_max_threads() : count) {
    if (before_ != count) omp_set_num_threads(count);
    changed_ = before_ != count;
  }
  ~ThreadLimit() {
    if (changed_) omp_set_num_threads(before_);
  }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
  bool changed_;
};

}  // namespace

bool dnnl_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, float alpha, const float* a, index_t lda,
               const float* b, index_t ldb, float beta, float* c, index_t ldc, int threads) {
  const ThreadLimit limit(threads);
  const auto status =
      dnnl_sgemm(static_cast<char>(ta), static_cast<char>(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) fail<Error>("gemm: oneDNN failed with status {}", static_cast<int>(status));
  return true;
}

}  // namespace unroll::blas::backend

#else

bool unroll::blas::backend::dnnl_gemm(Trans, Trans, index_t, index_t, index_t, float, const float*, index_t,
                                      const float*, index_t, float, float*, index_t, int) {
  return false;
}

#endif
