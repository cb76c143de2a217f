/// \file gemm of small matrices where they lie: neither packing nor a library's set-up, which take longer than such a product.

#include <xsimd/xsimd.hpp>

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
#include "unroll/detail/autograd/gemm/small_products.hpp"

namespace unroll::blas::backend {
namespace {

// Beyond them packing pays, and from same_bits_rows on a row's bits must not depend on their number.
constexpr index_t most_rows = 32, most_columns_of_a = 256, most_flipped_rows = 12;

template <class T>
struct SmallJob {
  Trans ta;
  index_t m, n, k;
  const T* a;
  index_t lda;
  const T* b;
  index_t ldb;
  bool add;
  T* c;
  index_t ldc;
};

template <class T>
T sum_of(const xsimd::batch<T>& x) {
#if XSIMD_VERSION_MAJOR < 9
  return xsimd::hadd(x);
#else
  return xsimd::reduce_add(x);
#endif
}

/// One row of C = [C +] A B, R columns of it from column j on: B is stored transposed, so that each is a sum of products of
/// rows.
template <class T, int R>
void dot_rows(const SmallJob<T>& job, const T* a, index_t j, T* c) {
  using Batch = xsimd::batch<T>;
  constexpr index_t lanes = kernel::Tile<T>::lanes;
  const T* const b = job.b + j * job.ldb;
  Batch sums[R];
  for (int r = 0; r < R; ++r) sums[r] = Batch(T(0));
  index_t i = 0;
  for (; i + lanes <= job.k; i += lanes) {
    const Batch x = Batch::load_unaligned(a + i);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) kernel::multiply_add(x, Batch::load_unaligned(b + r * job.ldb + i), sums[r]);
  }
#pragma GCC unroll 8
  for (int r = 0; r < R; ++r) {
    T sum = sum_of(sums[r]);
    for (index_t e = i; e < job.k; ++e) sum += a[e] * b[r * job.ldb + e];
    c[j + r] = job.add ? c[j + r] + sum : sum;
  }
}

template <class T>
void multiply_flipped(const SmallJob<T>& job) {
  constexpr int wide = 8;
  for (index_t r = 0; r < job.m; ++r) {
    const T* const a = job.a + r * job.lda;
    T* const c = job.c + r * job.ldc;
    index_t j = 0;
    for (; j + wide <= job.n; j += wide) dot_rows<T, wide>(job, a, j, c);
    for (; j < job.n; ++j) dot_rows<T, 1>(job, a, j, c);
  }
}

/// The columns from `first` on, fewer than a batch: with those before them that fill one, or by a copy that has as many.
template <class T>
void multiply_last(const SmallJob<T>& job, index_t first) {
  constexpr index_t lanes = kernel::Tile<T>::lanes, rows = kernel::most_inner<T>;
  alignas(64) T copy[rows * lanes], c[most_columns_of_a * lanes];
  small::Rows<const T> b{job.b + job.n - lanes, job.ldb};
  index_t unwanted = lanes - (job.n - first);
  if (job.n < lanes) {
    for (index_t i = 0; i < job.k; ++i)
      for (index_t j = 0; j < lanes; ++j) copy[i * lanes + j] = j < job.n ? job.b[i * job.ldb + j] : T(0);
    b = {copy, lanes}, unwanted = 0;
  }
  small::multiply<T>(job.m, lanes, job.k, {job.a, job.lda, job.ta == Trans::yes}, b, small::Put::set,
                     {c, lanes});
  for (index_t r = 0; r < job.m; ++r) {
    T* const to = job.c + r * job.ldc + first;
    const T* const from = c + r * lanes + unwanted;
    for (index_t j = 0; j < job.n - first; ++j) to[j] = job.add ? to[j] + from[j] : from[j];
  }
}

}  // namespace

template <class T>
bool small_is_best(Trans ta, Trans tb, index_t m, index_t n, index_t k) {
  constexpr index_t most_bytes = index_t{1} << 17;  // of B, which is read in the order of its columns
  if (m > (ta == Trans::no ? most_rows : most_columns_of_a) || k > kernel::most_inner<T> ||
      n * k > most_bytes / index_t{sizeof(T)})
    return false;
  return tb == Trans::no || (ta == Trans::no && m <= most_flipped_rows);
}

template <class T>
void small_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const T* a, index_t lda, const T* b,
                index_t ldb, bool add, T* c, index_t ldc) {
  if (n == 1 && m > 1 && ldc == 1 && (tb == Trans::yes || ldb == 1))  // y = A x as yᵀ = xᵀ Aᵀ
    return small_gemm(Trans::no, ta == Trans::no ? Trans::yes : Trans::no, 1, m, k, b, k, a, lda, add, c, m);
  const SmallJob<T> job{ta, m, n, k, a, lda, b, ldb, add, c, ldc};
  if (tb == Trans::yes) return multiply_flipped(job);
  const index_t whole = n - n % kernel::Tile<T>::lanes;
  small::multiply<T>(m, whole, k, {a, lda, ta == Trans::yes}, {b, ldb},
                     add ? small::Put::add : small::Put::set, {c, ldc});
  if (whole < n) multiply_last(job, whole);
}

UNROLL_COMPILE_FUNCTIONS(small_is_best, small_gemm)

}  // namespace unroll::blas::backend
