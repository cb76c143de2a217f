#include "unroll/detail/autograd/gemm/gemm.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <type_traits>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"

namespace unroll::blas {
namespace {

thread_local int thread_count = 1;
thread_local Counters thread_counters;

// below this many multiply-adds a parallel region costs more than it gains
constexpr double serial_limit = 2.5e5;

/// C = beta C
template <class T>
void scale(index_t m, index_t n, T beta, T* c, index_t ldc) {
  for (index_t i = 0; i < m; ++i) {
    T* row = c + i * ldc;
    if (beta == T(0))
      std::fill_n(row, n, T(0));
    else if (beta != T(1))
      std::for_each_n(row, n, [beta](T& x) { x *= beta; });
  }
}

}  // namespace

void backend::check_stored(const char* who, Trans t, index_t rows, index_t cols, index_t ld) {
  if (rows < 0 || cols < 0)
    raise<ShapeError>("{}: sizes must not be negative; got ({}, {})", who, rows, cols);
  const index_t width = t == Trans::yes ? rows : cols;
  if (ld < width) raise<ShapeError>("{}: need rows at least {} apart; got {}", who, width, ld);
}

void backend::count_product(const Product& p) {
  thread_counters.calls += 1;
  thread_counters.flops +=
      2 * static_cast<std::uint64_t>(p.m) * static_cast<std::uint64_t>(p.n) * static_cast<std::uint64_t>(p.k);
  for (ProductLog* log = ProductLog::innermost; log; log = log->outer_) log->products_.push_back(p);
}

template <class T>
void gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda, const T* b,
          index_t ldb, T beta, T* c, index_t ldc) {
  backend::check_stored("gemm: a", ta, m, k, lda);
  backend::check_stored("gemm: b", tb, k, n, ldb);
  backend::check_stored("gemm: c", Trans::no, m, n, ldc);
  if (m == 0 || n == 0) return;
  if (k == 0) return scale(m, n, beta, c, ldc);
  backend::count_product({m, n, k, false, beta != T(0)});
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int threads = work < serial_limit ? 1 : thread_count;
  const bool plain = alpha == T(1) && (beta == T(0) || beta == T(1));
  if (plain && backend::blocked_is_best<T>(ta, m, n))
    return backend::blocked_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta == T(1), c, ldc, threads);
  if constexpr (std::is_same_v<T, float>) {
    if (backend::dnnl_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc, threads)) return;
  }
  backend::cblas_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

Counters& counters() { return thread_counters; }

UNROLL_COMPILE_FUNCTIONS(gemm)

}  // namespace unroll::blas

namespace unroll {

void set_num_threads(int count) {
  if (count < 1) raise<UsageError>("set_num_threads: need at least 1; got {}", count);
  blas::thread_count = count;
}

int num_threads() { return blas::thread_count; }

}  // namespace unroll
