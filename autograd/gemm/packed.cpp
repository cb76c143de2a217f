/// \file PackedMatrix: op(W) in panels, each as many columns wide as a register tile, its rows contiguous.

#include <algorithm>
#include <atomic>
#include <new>

#include "unroll/autograd/error.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/trace_log.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
#include "unroll/detail/autograd/gemm/inner_sums.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas {
namespace {

constexpr std::align_val_t alignment{64};

struct AlignedDelete {
  void operator()(void* p) const { ::operator delete(p, alignment); }
};

/// Some of the k terms of each sum.
struct Inner {
  index_t first, count;
};

/// The rows of x and y of one product, and the part of its sums that is done: from k = begin to end.
template <class T>
struct Rows {
  index_t begin, end;
  index_t m;
  const T* x;
  index_t ldx;
  bool add;
  T* y;
  index_t ldy;

  /// From `row` and `col` of y on, the part `inner` of the sums.
  kernel::Job<T> job(const Inner& inner, const T* w, index_t panel, index_t row, index_t col) const {
    return {.k = inner.count,
            .x = x + row * ldx + inner.first,
            .ldx = ldx,
            .by_rows = true,
            .w = w,
            .panel = panel,
            .ahead = w,
            .pace = 0,
            .add = add || inner.first > begin,
            .y = y + row * ldy + col,
            .ldy = ldy};
  }
};

/// Rows of x, k wide, that stay in half a megabyte of cache while all panels pass by.
template <class T>
index_t rows_in_cache(index_t k) {
  return (index_t{1} << 19) / (std::max<index_t>(k, 1) * static_cast<index_t>(sizeof(T)));
}

}  // namespace

template <class T>
struct PackedMatrix<T>::Panels {
  using Tile = kernel::Tile<T>;

  index_t k = 0, n = 0;
  std::size_t capacity = 0;
  std::unique_ptr<T, AlignedDelete> data;
  // every other product takes the panels from the end, whose lines are still in the cache: at batch 1, two
  // thirds of the time for a W of twice the L2 cache. The order of panels changes no bit.
  mutable std::atomic<bool> from_end{false};

  static index_t count(index_t cols) { return (cols + Tile::cols - 1) / Tile::cols; }
  index_t count() const { return count(n); }
  T* panel(index_t p) const { return data.get() + p * Tile::cols * k; }

  void resize(index_t rows, index_t cols) {
    const auto size = static_cast<std::size_t>(count(cols) * Tile::cols * rows);
    if (size > capacity) {
      data.reset(static_cast<T*>(::operator new(size * sizeof(T), alignment)));
      capacity = size;
    }
    k = rows;
    n = cols;
  }

  /// Calls f(part of the sums), in order.
  template <class F>
  static void for_chains(const Rows<T>& rows, F&& f) {
    const index_t whole = rows.end - rows.begin, parts = std::max<index_t>(1, kernel::inner_parts<T>(whole));
    for (index_t i = 0; i < parts; ++i) {
      const index_t first = i * whole / parts, next = (i + 1) * whole / parts;
      f(Inner{rows.begin + first, next - first});
    }
  }

  /// All rows by panel p, while the panel `next` comes into the cache.
  void multiply_panel(index_t p, index_t next, const Rows<T>& rows) const {
    const index_t cols = std::min<index_t>(Tile::cols, n - p * Tile::cols);
    const index_t blocks = (rows.m + Tile::rows - 1) / Tile::rows;
    for_chains(rows, [&](const Inner& inner) {
      for (index_t b = 0; b < blocks; ++b) {
        const index_t first = b * rows.m / blocks, height = (b + 1) * rows.m / blocks - first;
        auto job = rows.job(inner, panel(p) + inner.first * Tile::cols, 0, first, p * Tile::cols);
        job.ahead = panel(next) + inner.first * Tile::cols + b * inner.count * Tile::cols / blocks;
        job.pace = kernel::steps * Tile::cols / blocks;
        if (cols == Tile::cols)
          kernel::run_rows<T, 1>(height, job);
        else
          kernel::run_part(height, cols, job);
      }
    });
  }

  void multiply_panels(const Rows<T>& rows) const {
    const bool backwards = from_end.load(std::memory_order_relaxed);
    from_end.store(!backwards, std::memory_order_relaxed);
    // few rows take two whole panels at a time, and one row takes more: one panel would give too few accumulators to hide
    // the latency
    constexpr index_t wide = Tile::row_panels;
    const index_t whole = n / Tile::cols;
    const index_t wides = rows.m == 1 ? whole / wide : 0;
    const index_t pairs = rows.m <= Tile::flat_rows ? (whole - wides * wide) / 2 : 0;
    const index_t steps = count() - wides * (wide - 1) - pairs;
    const auto at = [&](index_t s) { return backwards ? steps - 1 - s : s; };
    const auto first_panel = [&](index_t step) {
      return step + std::min(step, wides) * (wide - 1) + std::clamp<index_t>(step - wides, 0, pairs);
    };
    for (index_t s = 0; s < steps; ++s) {
      const index_t p = first_panel(at(s));
      const auto job = [&](const Inner& inner) {  // of several panels, which fetches nothing ahead
        return rows.job(inner, panel(p) + inner.first * Tile::cols, k * Tile::cols, 0, p * Tile::cols);
      };
      if (at(s) < wides) {
        for_chains(rows, [&](const Inner& inner) { kernel::run_rows<T, wide>(1, job(inner)); });
      } else if (at(s) < wides + pairs) {
        for_chains(rows, [&](const Inner& inner) { kernel::run_rows<T, 2>(rows.m, job(inner)); });
      } else {
        multiply_panel(p, first_panel(at(std::min(s + 1, steps - 1))), rows);
      }
    }
  }
};

template <class T>
PackedMatrix<T>::PackedMatrix() = default;
template <class T>
PackedMatrix<T>::~PackedMatrix() = default;
template <class T>
PackedMatrix<T>::PackedMatrix(PackedMatrix&&) noexcept = default;
template <class T>
PackedMatrix<T>& PackedMatrix<T>::operator=(PackedMatrix&&) noexcept = default;

template <class T>
void PackedMatrix<T>::pack(Trans tw, index_t k, index_t n, const T* w, index_t ldw) {
  backend::check_stored("PackedMatrix: w", tw, k, n, ldw);
  counters().packings += 1;
  if (!panels_) panels_ = std::make_unique<Panels>();
  panels_->resize(k, n);
  for (index_t p = 0; p < panels_->count(); ++p) {
    kernel::pack_panel(tw, k, p * Panels::Tile::cols, n, w, ldw, panels_->panel(p));
  }
}

template <class T>
void PackedMatrix<T>::multiply(index_t m, const T* x, index_t ldx, T beta, T* y, index_t ldy) const {
  if (empty()) raise<UsageError>("PackedMatrix: nothing to multiply by; call pack() first");
  if (beta != T(0) && beta != T(1)) raise<UsageError>("PackedMatrix: beta is 0 or 1; got {}", beta);
  const index_t k = rows(), n = cols();
  backend::check_stored("PackedMatrix: x", Trans::no, m, k, ldx);
  backend::check_stored("PackedMatrix: y", Trans::no, m, n, ldy);
  if (m == 0 || n == 0) return;
  backend::count_product({m, n, k, true, beta == T(1)});
  const detail::TraceSpan span(detail::TraceKind::product,
                               [=] { return backend::traced_name("packed", m, n, k); });
  constexpr index_t few = 64;  // are taken together whatever k is, and need no quotient
  const index_t most = m <= few ? m : std::max(few, rows_in_cache<T>(k));
  for (index_t i = 0; i < m; i += most) {
    const index_t rows_here = std::min(most, m - i);
    sum_inner<T>(rows_here, n, k, beta == T(1), y + i * ldy, ldy,
                 [&](index_t first, index_t last, bool add, T* to, index_t ldto) {
                   panels_->multiply_panels({first, last, rows_here, x + i * ldx, ldx, add, to, ldto});
                 });
  }
}

template <class T>
void PackedMatrix<T>::multiply_row(const T* x, bool add, T* y) const {
  const index_t k = rows(), n = cols();
  if (k > inner_part || n == 0) return multiply(1, x, k, add ? T{1} : T{0}, y, n);
  backend::count_product({1, n, k, true, add});
  const detail::TraceSpan span(detail::TraceKind::product,
                               [=] { return backend::traced_name("packed", index_t{1}, n, k); });
  panels_->multiply_panels({0, k, 1, x, k, add, y, n});
}

template <class T>
bool PackedMatrix<T>::empty() const {
  return !panels_;
}
template <class T>
index_t PackedMatrix<T>::rows() const {
  return panels_ ? panels_->k : 0;
}
template <class T>
index_t PackedMatrix<T>::cols() const {
  return panels_ ? panels_->n : 0;
}
template <class T>
std::size_t PackedMatrix<T>::bytes() const {
  return panels_ ? panels_->capacity * sizeof(T) : 0;
}

UNROLL_COMPILE_TYPES(class PackedMatrix)

}  // namespace unroll::blas
