#include "unroll/detail/autograd/gemm/gemm.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"

#include <algorithm>
#include <type_traits>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/base/trace_log.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
#include "unroll/detail/autograd/gemm/inner_sums.hpp"

namespace unroll::blas {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local constinit int thread_count = 1;
[[gnu::tls_model("initial-exec")]] thread_local constinit Counters thread_counters;

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

/// An operand, and where in it a part begins.
template <class T>
struct Operand {
  Trans trans;
  const T* data;
  index_t ld;
  const T* at(index_t row, index_t col) const {
    return data + (trans == Trans::no ? row * ld + col : col * ld + row);
  }
};

#ifdef UNROLL_HAVE_DNNL
/// gemm() by oneDNN, in parts of the rows or of the columns: threads of its own would spin where they wait.
void dnnl_in_parts(const Operand<float>& a, const Operand<float>& b, index_t m, index_t n, index_t k,
                   float alpha, float beta, float* c, index_t ldc, int threads) {
  const bool by_rows = m >= std::max(n, 2 * same_bits_rows);
  const index_t whole = by_rows ? m : n, unit = by_rows ? same_bits_rows : 48;  // 48: what its kernel takes
  const index_t units = by_rows ? whole / unit : (whole + unit - 1) / unit;
  const index_t parts = std::min<index_t>(threads, units);
  const auto multiply_part = [&](int i) {
    const index_t first = i * units / parts * unit;
    const index_t count = (i + 1 == parts ? whole : (i + 1) * units / parts * unit) - first;
    const index_t row = by_rows ? first : 0, col = by_rows ? 0 : first;
    backend::dnnl_gemm(a.trans, b.trans, by_rows ? count : m, by_rows ? n : count, k, alpha, a.at(row, 0),
                       a.ld, b.at(0, col), b.ld, beta, c + row * ldc + col, ldc);
  };
  detail::share_parts(static_cast<int>(parts), multiply_part);
}
#endif

/// gemm() by the library that is fastest for it; nothing is empty.
template <class T>
void multiply(Trans ta, Trans tb, index_t m, index_t n, index_t k, T alpha, const T* a, index_t lda,
              const T* b, index_t ldb, T beta, T* c, index_t ldc) {
  const double work = static_cast<double>(m) * static_cast<double>(n) * static_cast<double>(k);
  const int threads = work < serial_limit ? 1 : thread_count;
  const bool plain = alpha == T(1) && (beta == T(0) || beta == T(1));
  if (plain && work < serial_limit && backend::small_is_best<T>(ta, tb, m, n, k))
    return backend::small_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta == T(1), c, ldc);
  if (plain && backend::blocked_is_best<T>(ta, m, n))
    return backend::blocked_gemm(ta, tb, m, n, k, a, lda, b, ldb, beta == T(1), c, ldc, threads);
#ifdef UNROLL_HAVE_DNNL
  if constexpr (std::is_same_v<T, float>)
    return dnnl_in_parts({ta, a, lda}, {tb, b, ldb}, m, n, k, alpha, beta, c, ldc, threads);
#endif
  backend::cblas_gemm(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/// Part of an operand in double, its stored rows one after another.
class InDouble {
 public:
  template <class T>
  void take(const Operand<T>& from, index_t row, index_t rows, index_t col, index_t cols) {
    const index_t stored = from.trans == Trans::no ? rows : cols;
    ld = from.trans == Trans::no ? cols : rows;
    data.resize(static_cast<std::size_t>(stored * ld));
    const T* const first = from.at(row, col);
    for (index_t r = 0; r < stored; ++r) std::copy_n(first + r * from.ld, ld, data.data() + r * ld);
  }
  detail::PoolVector<double> data;
  index_t ld = 0;
};

// Few results may be summed in double altogether: reading the operands takes longer than that. A row's bits must
// not depend on the number of rows, unless A is transposed.
bool few_results(Trans ta, index_t m, index_t n) { return ta == Trans::no ? n <= 32 : m * n <= 4096; }

/// C = alpha op(A) op(B) + beta C, summed in double.
template <class T>
void multiply_in_double(const Operand<T>& a, const Operand<T>& b, index_t m, index_t n, index_t k, T alpha,
                        T beta, T* c, index_t ldc) {
  constexpr index_t step = 1024;
  detail::PoolVector<double> sums(static_cast<std::size_t>(m * n), 0.0);
  InDouble x, y;
  for (index_t first = 0; first < k; first += step) {
    const index_t count = std::min(step, k - first);
    x.take(a, 0, m, first, count);
    y.take(b, first, count, 0, n);
    multiply(a.trans, b.trans, m, n, count, 1.0, x.data.data(), x.ld, y.data.data(), y.ld, 1.0, sums.data(),
             n);
  }
  for (index_t r = 0; r < m; ++r) {
    for (index_t j = 0; j < n; ++j) {
      const double sum = static_cast<double>(alpha) * sums[static_cast<std::size_t>(r * n + j)];
      T& to = c[r * ldc + j];
      to = static_cast<T>(beta == T(0) ? sum : sum + static_cast<double>(beta) * static_cast<double>(to));
    }
  }
}

/// gemm() where k is greater than inner_part: a block of rows at a time, for the sake of memory.
template <class T>
void multiply_long(const Operand<T>& a, const Operand<T>& b, index_t m, index_t n, index_t k, T alpha, T beta,
                   T* c, index_t ldc) {
  const index_t most = std::max(2 * same_bits_rows, (index_t{1} << 20) / n),
                blocks = std::max<index_t>(1, m / most);
  for (index_t i = 0; i < blocks; ++i) {
    const index_t row = i * m / blocks, rows = (i + 1) * m / blocks - row;
    const Operand<T> from{a.trans, a.at(row, 0), a.ld};
    T* const to = c + row * ldc;
    if (sizeof(T) < sizeof(double) && few_results(a.trans, m, n)) {
      multiply_in_double(from, b, rows, n, k, alpha, beta, to, ldc);
      continue;
    }
    if (beta != T(0) && beta != T(1)) scale(rows, n, beta, to, ldc);
    sum_inner<T>(rows, n, k, beta != T(0), to, ldc,
                 [&](index_t first, index_t last, bool add, T* part, index_t ld) {
                   multiply(a.trans, b.trans, rows, n, last - first, alpha, from.at(0, first), a.ld,
                            b.at(first, 0), b.ld, add ? T(1) : T(0), part, ld);
                 });
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

std::string backend::traced_name(const char* function, index_t m, index_t n, index_t k) {
  return fmt::format("{} ({}, {}) x ({}, {})", function, m, k, k, n);
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
  const detail::TraceSpan span(detail::TraceKind::product,
                               [=] { return backend::traced_name("gemm", m, n, k); });
  if (k > inner_part) return multiply_long<T>({ta, a, lda}, {tb, b, ldb}, m, n, k, alpha, beta, c, ldc);
  multiply(ta, tb, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

Counters& counters() { return thread_counters; }

thread_local constinit ProductLog* ProductLog::innermost = nullptr;

UNROLL_COMPILE_FUNCTIONS(gemm)

}  // namespace unroll::blas

namespace unroll {

void set_num_threads(int count) {
  if (count < 1) raise<UsageError>("set_num_threads: need at least 1; got {}", count);
  blas::thread_count = count;
}

int num_threads() { return blas::thread_count; }

}  // namespace unroll
