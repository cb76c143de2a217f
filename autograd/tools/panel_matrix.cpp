#include "unroll/detail/autograd/tools/panel_matrix.hpp"

#include "unroll/detail/autograd/base/instantiate.hpp"
#include "unroll/detail/autograd/core/parallel.hpp"
#include "unroll/detail/autograd/gemm/backend.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::detail {
namespace {

template <class T>
constexpr index_t width_of_panel = blas::kernel::Tile<T>::cols;

// below this many multiply-adds starting threads costs more than it gains
constexpr double work_for_threads = 2e6;

// to (+)= A J, for a dense part of A and one panel of J.
template <class T>
void multiply_part(const MatrixPart<T>& part, const T* before, bool add, T* to) {
  constexpr index_t width = width_of_panel<T>, tile = blas::kernel::Tile<T>::rows;
  const index_t chains = blas::kernel::inner_parts<T>(part.columns), tiles = (part.rows + tile - 1) / tile;
  for (index_t i = 0; i < chains; ++i) {
    const index_t first = i * part.columns / chains, next = (i + 1) * part.columns / chains;
    const T* const w = before + (part.column + first) * width;
    for (index_t t = 0; t < tiles; ++t) {
      const index_t row = t * part.rows / tiles, rows = (t + 1) * part.rows / tiles - row;
      blas::kernel::run_rows<T, 1>(rows, {.k = next - first,
                                          .x = part.values + row * part.stride + first,
                                          .ldx = part.stride,
                                          .by_rows = true,
                                          .w = w,
                                          .panel = 0,
                                          .ahead = w,
                                          .pace = 0,
                                          .add = add || i > 0,
                                          .y = to + (part.row + row) * width,
                                          .ldy = width});
    }
  }
}

// The same for a diagonal one. Where it is 0, it hides what J holds.
template <class T, bool add>
void scale_rows(const MatrixPart<T>& part, const T* before, T* to) {
  using Batch = typename blas::kernel::Tile<T>::Batch;
  constexpr index_t width = width_of_panel<T>, lanes = blas::kernel::Tile<T>::lanes;
  const T *from = before + part.column * width, *d = part.values;
  T* row = to + part.row * width;
  for (const T* const end = d + part.rows; d < end; ++d, from += width, row += width) {
    const Batch factor(*d);
    for (index_t v = 0; v < width; v += lanes) {
      Batch sum(T{0});
      if constexpr (add) sum = Batch::load_unaligned(row + v);
      if (*d != T{0}) blas::kernel::multiply_add(factor, Batch::load_unaligned(from + v), sum);
      sum.store_unaligned(row + v);
    }
  }
}

}  // namespace

template <class T>
PanelMatrix<T>::PanelMatrix(index_t rows, index_t columns)
    : rows_(rows),
      columns_(columns),
      panel_size_(rows * width_of_panel<T>),
      panels_((columns + width_of_panel<T> - 1) / width_of_panel<T>),
      values_(static_cast<std::size_t>((panels_ + 1) * panel_size_), T{0}) {}

/// The parts of A in the order in which they are multiplied. The first part in a row of the result stores, others add.
template <class T>
class PanelMatrix<T>::Plan {
 public:
  Plan(std::span<const MatrixPart<T>> a, index_t rows) : touched_(static_cast<std::size_t>(rows), 0) {
    for (const MatrixPart<T>& part : a)
      if (!part.diagonal) append(part);
    for (const MatrixPart<T>& part : a)
      if (part.diagonal) append(part);
    touch(0, rows);
  }

  void run(const T* before, T* after) const {
    constexpr index_t width = width_of_panel<T>;
    for (const index_t row : zeros_) std::fill_n(after + row * width, width, T{0});
    for (const auto& [part, add] : steps_) {
      if (!part.diagonal)
        multiply_part(part, before, add, after);
      else if (add)
        scale_rows<T, true>(part, before, after);
      else
        scale_rows<T, false>(part, before, after);
    }
  }

 private:
  struct Step {
    MatrixPart<T> part;
    bool add;
  };
  void append(const MatrixPart<T>& part) {
    const auto begin = touched_.begin() + part.row, end = begin + part.rows;
    const bool add = std::find(begin, end, char{1}) != end;
    if (add)
      touch(part.row, part.rows);
    else
      std::fill(begin, end, char{1});
    steps_.push_back({part, add});
  }
  // Rows that are to be 0 at first, where nothing has been stored yet.
  void touch(index_t first, index_t count) {
    for (index_t row = first; row < first + count; ++row)
      if (!std::exchange(touched_[static_cast<std::size_t>(row)], char{1})) zeros_.push_back(row);
  }

  PoolVector<char> touched_;
  PoolVector<index_t> zeros_;
  PoolVector<Step> steps_;
};

// Each panel moves by one place, alternately down and up, so that it need not be copied. A thread's last panel is
// copied beforehand: its place is that to which the next thread moves its first one.
template <class T>
void PanelMatrix<T>::advance(std::span<const MatrixPart<T>> a, std::span<const OuterPart<T>> added) {
  double work = 0;
  for (const MatrixPart<T>& part : a) {
    if (part.diagonal) continue;
    blas::backend::count_product({part.rows, columns_, part.columns, true, true});
    work +=
        static_cast<double>(part.rows) * static_cast<double>(part.columns) * static_cast<double>(columns_);
  }
  const Plan plan(a, rows_);
  const index_t threads =
      work < work_for_threads ? 1 : std::clamp<index_t>(panels_, 1, static_cast<index_t>(num_threads()));
  PoolVector<T> edges(static_cast<std::size_t>((threads - 1) * panel_size_));
  const bool down = first_ == 1;
  // The panel that comes n-th in this direction.
  const auto at = [&](index_t n) { return down ? n : panels_ - 1 - n; };
  const auto begin_of = [&](index_t thread) { return thread * panels_ / threads; };
  for (index_t t = 0; t + 1 < threads; ++t)
    std::copy_n(panel(at(begin_of(t + 1) - 1)), panel_size_, edges.data() + t * panel_size_);
  const auto run = [&](int thread) {
    const index_t end = begin_of(thread + 1);
    for (index_t n = begin_of(thread); n < end; ++n) {
      T* const before = panel(at(n));
      const bool edge = n == end - 1 && thread + 1 < threads;
      plan.run(edge ? edges.data() + thread * panel_size_ : before,
               before + (down ? -panel_size_ : panel_size_));
    }
  };
  if (threads == 1)
    run(0);
  else
    in_parallel(static_cast<int>(threads), false, run);
  first_ = 1 - first_;
  for (const OuterPart<T>& part : added) add(part);
}

template <class T>
void PanelMatrix<T>::add(const OuterPart<T>& part) {
  constexpr index_t width = width_of_panel<T>;
  for (index_t i = 0; i < part.count; ++i) {
    const T d = part.values[i];
    if (d == T{0}) continue;
    const index_t row = (part.row + i * part.row_step) * width, end = part.column + (i + 1) * part.columns;
    const T* x = part.x;
    for (index_t at = end - part.columns; at < end;) {
      const index_t inside = at % width, count = std::min(width - inside, end - at);
      T* const to = panel(at / width) + row + inside;
      for (index_t j = 0; j < count; ++j) to[j] += d * x[j];
      x += count, at += count;
    }
  }
}

// The rows are added up in several chains at a time, to hide the latency of additions.
template <class T>
void PanelMatrix<T>::multiply_left(const T* g, T* sums) const {
  using Batch = typename blas::kernel::Tile<T>::Batch;
  constexpr index_t width = width_of_panel<T>, lanes = blas::kernel::Tile<T>::lanes, chains = 4;
  PoolVector<index_t> used;
  for (index_t r = 0; r < rows_; ++r)
    if (g[r] != T{0}) used.push_back(r);
  const index_t count = static_cast<index_t>(used.size()), whole = count / chains * chains;
  for (index_t p = 0; p < panels_; ++p) {
    const T* const from = panel(p);
    Batch sum[chains][2];
    for (auto& pair : sum) pair[0] = pair[1] = Batch(T{0});
    const auto add_row = [&](index_t i, Batch* pair) {
      const index_t r = used[static_cast<std::size_t>(i)];
      const Batch factor(g[r]);
      for (index_t v = 0; v < 2; ++v)
        blas::kernel::multiply_add(factor, Batch::load_unaligned(from + r * width + v * lanes), pair[v]);
    };
    for (index_t i = 0; i < whole; i += chains)
      for (index_t c = 0; c < chains; ++c) add_row(i + c, sum[c]);
    for (index_t i = whole; i < count; ++i) add_row(i, sum[0]);
    T total[width];
    for (index_t v = 0; v < 2; ++v)
      Batch((sum[0][v] + sum[1][v]) + (sum[2][v] + sum[3][v])).store_unaligned(total + v * lanes);
    std::copy_n(total, std::min(width, columns_ - p * width), sums + p * width);
  }
}

UNROLL_COMPILE_TYPES(class PanelMatrix)

}  // namespace unroll::detail
