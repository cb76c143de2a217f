/// \file gemm by oneDNN.

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"

#ifdef UNROLL_HAVE_DNNL

#include <oneapi/dnnl/dnnl.h>
#include <signal.h>

extern "C" {
// libgomp is where oneDNN's threads come from; declared here so that a compiler without -fopenmp will do
__attribute__((weak)) int omp_get_max_threads();
__attribute__((weak)) void omp_set_num_threads(int count);
__attribute__((weak)) int omp_get_dynamic();
__attribute__((weak)) void omp_set_dynamic(int on);
}

namespace unroll::blas::backend {
namespace {

/// Sets the number of OpenMP threads that this thread starts, no fewer either (OMP_DYNAMIC): the bits of a result depend
/// on it. Gives back what was set before.
class ThreadLimit {
 public:
  explicit ThreadLimit(int count)
      : before_(omp_get_max_threads ? omp_get_max_threads() : count),
        dynamic_(omp_get_dynamic && omp_get_dynamic()) {
    if (before_ != count) omp_set_num_threads(count);
    changed_ = before_ != count;
    if (dynamic_) omp_set_dynamic(0);
  }
  ~ThreadLimit() {
    if (changed_) omp_set_num_threads(before_);
    if (dynamic_) omp_set_dynamic(1);
  }
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;

 private:
  int before_;
  bool changed_ = false, dynamic_;
};

/// Lets this thread's signals wait. Up to version 3.11 at least, oneDNN's kernels for products that are not
/// copied first use the stack pointer for a buffer on the heap: a signal handler that runs meanwhile writes
/// its frame over whatever lies below that buffer. Threads that oneDNN starts meanwhile inherit the mask.
/// Source: https://github.com/uxlfoundation/oneDNN/issues/4845.
class SignalsWait {
 public:
  SignalsWait() {
    sigset_t mask;
    sigfillset(&mask);
    // A fault ends a process whose handler has to wait, and says nothing.
    for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGSYS}) sigdelset(&mask, fault);
    pthread_sigmask(SIG_BLOCK, &mask, &before_);
  }
  ~SignalsWait() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsWait(const SignalsWait&) = delete;
  SignalsWait& operator=(const SignalsWait&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

bool dnnl_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, float alpha, const float* a, index_t lda,
               const float* b, index_t ldb, float beta, float* c, index_t ldc, int threads) {
  const ThreadLimit limit(threads);
  const SignalsWait wait;
  const auto status =
      dnnl_sgemm(static_cast<char>(ta), static_cast<char>(tb), m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
  if (status != dnnl_success) raise<Error>("gemm: oneDNN failed with status {}", static_cast<int>(status));
  return true;
}

}  // namespace unroll::blas::backend

#else

bool unroll::blas::backend::dnnl_gemm(Trans, Trans, index_t, index_t, index_t, float, const float*, index_t,
                                      const float*, index_t, float, float*, index_t, int) {
  return false;
}

#endif
