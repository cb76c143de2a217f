/// \file gemm by the library's own kernel, for large products: what the kernel would not read in order is
/// copied so, a block at a time, and stays in the cache until it is done with. Source:
/// Goto and van de Geijn, Anatomy of High-Performance Matrix Multiplication, 2008.
///
/// Every element of C is a sum of chains of multiply-adds over k in order, as in PackedMatrix: its bits depend neither on
/// the number of threads nor on the rows and columns beside it.

#include <memory>
#include <new>

#include "unroll/detail/autograd/gemm/backend.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas::backend {
namespace {

constexpr std::align_val_t alignment{64};
constexpr index_t a_bytes = index_t{1} << 18,
                  b_bytes = index_t{1} << 22;  // of the second level, and of the third

/// Memory for packed operands, kept for the next product of this thread.
template <class T>
class Buffer {
 public:
  T* get(index_t size) {
    if (size > size_) {
      data_.reset(static_cast<T*>(::operator new(static_cast<std::size_t>(size) * sizeof(T), alignment)));
      size_ = size;
    }
    return data_.get();
  }

 private:
  struct Delete {
    void operator()(void* p) const { ::operator delete(p, alignment); }
  };
  std::unique_ptr<T, Delete> data_;
  index_t size_ = 0;
};

/// Part number i of `whole`, cut into `parts` as even as may be, at multiples of `unit` but for the end.
struct Part {
  index_t first, count;
  Part(index_t whole, index_t parts, index_t i, index_t unit = 1) {
    const index_t units = (whole + unit - 1) / unit;
    first = std::min(whole, i * units / parts * unit);
    count = std::min(whole, (i + 1) * units / parts * unit) - first;
  }
};
index_t parts_of(index_t whole, index_t most) { return (whole + most - 1) / most; }

/// An operand, and where in it a block begins.
template <class T>
struct Operand {
  Trans trans;
  const T* data;
  index_t ld;
  Operand at(index_t row, index_t col) const {
    return {trans, data + (trans == Trans::no ? row * ld + col : col * ld + row), ld};
  }
};

/// A block of op(A), tile by tile. A tile's rows lie one after another where they do so in A, else its
/// columns. The few rows of a small tile are read where they lie; many would meet in one set of the
/// first-level cache where they are a power of two apart, and all others are copied.
template <class T>
class RowTiles {
 public:
  static constexpr index_t tile = kernel::Tile<T>::rows;
  static bool in_place(Trans a) { return a == Trans::no && !kernel::Tile<T>::wide_file; }

  /// Room for rows · inner elements is needed unless in_place(a.trans).
  RowTiles(const Operand<T>& a, index_t rows, index_t inner, T* room)
      : data_(a.data), rows_(rows), inner_(inner), pitch_(a.ld), by_rows_(a.trans == Trans::no) {
    if (in_place(a.trans)) return;
    data_ = room;
    pitch_ = inner;
    if (by_rows_)
      for (index_t r = 0; r < rows; ++r) std::copy_n(a.data + r * a.ld, inner, room + r * inner);
    else
      copy_columns(a, room);
  }

  index_t rows() const { return rows_; }

  /// From row `first` on, a tile or what is left at the end.
  kernel::Job<T> job(index_t first, const T* w, bool add, T* c, index_t ldc) const {
    return {.k = inner_,
            .x = data_ + first * pitch_,
            .ldx = pitch_,
            .by_rows = by_rows_,
            .w = w,
            .panel = 0,
            .ahead = w,
            .pace = 0,
            .add = add,
            .y = c,
            .ldy = ldc};
  }

 private:
  void copy_columns(const Operand<T>& a, T* to) const {
    constexpr index_t block = 8;  // rows of A at a time: whole cache lines are written
    for (index_t i0 = 0; i0 < inner_; i0 += block) {
      const index_t i1 = std::min(inner_, i0 + block);
      index_t r = 0;
      for (; r + tile <= rows_; r += tile) {
        for (index_t i = i0; i < i1; ++i)
          kernel::copy_few<tile>(a.data + i * a.ld + r, to + r * inner_ + i * tile);
      }
      for (index_t i = i0; i < i1; ++i)
        std::copy_n(a.data + i * a.ld + r, rows_ - r, to + r * inner_ + i * (rows_ - r));
    }
  }

  const T* data_;
  index_t rows_, inner_;
  index_t pitch_;  ///< from row to row, where rows lie one after another
  bool by_rows_;
};

/// C (rows, n) = [C +] A B for a packed B.
template <class T>
void multiply_block(const RowTiles<T>& a, const T* b, index_t inner, index_t n, bool add, T* c, index_t ldc) {
  constexpr index_t width = kernel::Tile<T>::cols, tile = RowTiles<T>::tile;
  const index_t panels = parts_of(n, width), tiles = parts_of(a.rows(), tile);
  for (index_t p = 0; p < panels; ++p) {
    const T *panel = b + p * width * inner, *next = b + std::min(p + 1, panels - 1) * width * inner;
    const index_t cols = std::min(width, n - p * width);
    for (index_t t = 0; t < tiles; ++t) {
      const index_t first = t * tile, count = std::min(tile, a.rows() - first);
      T* const to = c + first * ldc + p * width;
      for (index_t r = tile; r < std::min(2 * tile, a.rows() - first); ++r) {
        __builtin_prefetch(to + r * ldc, 1, 3);
        __builtin_prefetch(to + r * ldc + cols - 1, 1, 3);
      }
      auto job = a.job(first, panel, add, to, ldc);
      job.ahead = next + t * width * inner / tiles;
      job.pace = std::max<index_t>(1, kernel::steps * width / tiles);
      if (cols == width)
        kernel::run_rows<T, 1>(count, job);
      else
        kernel::run_part(count, cols, job);
    }
  }
}

/// The whole product on one thread.
template <class T>
void multiply(const Operand<T>& a, const Operand<T>& b, index_t m, index_t n, index_t k, bool add, T* c,
              index_t ldc) {
  constexpr index_t width = kernel::Tile<T>::cols;
  thread_local Buffer<T> a_buffer, b_buffer;
  const index_t k_parts = kernel::inner_parts<T>(k), inner_most = parts_of(k, k_parts);
  const index_t element = static_cast<index_t>(sizeof(T)), per_inner = inner_most * element;
  const index_t m_parts = parts_of(m, std::max(RowTiles<T>::tile, a_bytes / per_inner));
  const index_t n_parts = parts_of(n, std::max(width, b_bytes / per_inner));
  for (index_t jp = 0; jp < n_parts; ++jp) {
    const Part cols(n, n_parts, jp, width);
    for (index_t kp = 0; kp < k_parts; ++kp) {
      const Part inner(k, k_parts, kp);
      const index_t panels = parts_of(cols.count, width);
      T* const packed_b = b_buffer.get(panels * width * inner.count);
      const Operand<T> from = b.at(inner.first, cols.first);
      for (index_t p = 0; p < panels; ++p)
        kernel::pack_panel(from.trans, inner.count, p * width, cols.count, from.data, from.ld,
                           packed_b + p * width * inner.count);
      for (index_t ip = 0; ip < m_parts; ++ip) {
        const Part rows(m, m_parts, ip, RowTiles<T>::tile);
        T* const room = RowTiles<T>::in_place(a.trans) ? nullptr : a_buffer.get(rows.count * inner.count);
        const RowTiles<T> tiles(a.at(rows.first, inner.first), rows.count, inner.count, room);
        multiply_block(tiles, packed_b, inner.count, cols.count, add || kp > 0,
                       c + rows.first * ldc + cols.first, ldc);
      }
    }
  }
}

}  // namespace

// oneDNN, where there is one, is for float with AVX-512. Its kernels for older processors give a row other
// bits when there are more rows beside it; there it does what has few rows, or few columns and A transposed.
template <class T>
bool blocked_is_best([[maybe_unused]] Trans ta, index_t m, [[maybe_unused]] index_t n) {
  if (m < same_bits_rows) return false;
#ifdef UNROLL_HAVE_DNNL
  if constexpr (sizeof(T) == 4)
    return !kernel::Tile<T>::wide_file && (ta == Trans::no || (m >= 192 && n >= 64));
#endif
  return true;
}

template <class T>
void blocked_gemm(Trans ta, Trans tb, index_t m, index_t n, index_t k, const T* a, index_t lda, const T* b,
                  index_t ldb, bool add, T* c, index_t ldc, int threads) {
  const Operand<T> op_a{ta, a, lda}, op_b{tb, b, ldb};
  const bool by_rows = m >= n;
  const index_t unit = by_rows ? RowTiles<T>::tile : kernel::Tile<T>::cols;
  const index_t parts = std::min<index_t>(threads, parts_of(by_rows ? m : n, unit));
  const auto multiply_part = [&](int i) {
    const Part p(by_rows ? m : n, parts, i, unit);
    if (by_rows)
      multiply(op_a.at(p.first, 0), op_b, p.count, n, k, add, c + p.first * ldc, ldc);
    else
      multiply(op_a, op_b.at(0, p.first), m, p.count, k, add, c + p.first, ldc);
  };
  detail::share_parts(static_cast<int>(parts), multiply_part);
}

UNROLL_COMPILE_FUNCTIONS(blocked_is_best, blocked_gemm)

}  // namespace unroll::blas::backend
