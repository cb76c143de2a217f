#pragma once  // internal
/// \file Products of the rows that read a state with the rows that were written into it, each decayed from the one step to
/// the other, within a chunk of linear_attention. No decay is ever divided by: all factors are products of the steps'
/// decays, at most 1.

#include <algorithm>

#include "unroll/detail/autograd/fused/simd.hpp"
#include "unroll/detail/autograd/gemm/small_products.hpp"

namespace unroll::detail::attention {

namespace small = blas::small;
using small::Put;
using small::Triangle;

/// Which state step t reads.
enum class When {
  after,    ///< the new one: what steps 0 … t wrote
  decayed,  ///< the old one, decayed already
  before    ///< the old one
};
/// The step whose state is read; −1: the one before the chunk.
inline index_t state_of(When when, index_t t) { return when == When::before ? t - 1 : t; }
/// The last step whose writing is seen.
inline index_t last_seen(When when, index_t t) { return when == When::after ? t : t - 1; }
/// The step whose writing is seen as it was written, without decay; −1: there is none.
inline index_t undecayed(When when, index_t t) { return when == When::decayed ? -1 : last_seen(when, t); }

/// Calls f(j) for each batch of a row, which is whole batches long.
template <class T, class F>
UNROLL_INLINE void each_batch(index_t n, F&& f) {
  for (index_t j = 0; j < n; j += static_cast<index_t>(Batch<T>::size)) f(j);
}
template <class T>
UNROLL_INLINE Batch<T> at(const T* x) {
  return Batch<T>::load_unaligned(x);
}
template <class T>
void multiply_row(T* to, const T* x, const T* y, index_t n) {
  each_batch<T>(n, [&](index_t j) { (at(x + j) * at(y + j)).store_unaligned(to + j); });
}
template <class T>
void scale_row(T* to, const T* x, T factor, index_t n) {
  each_batch<T>(n, [&](index_t j) { (at(x + j) * Batch<T>(factor)).store_unaligned(to + j); });
}
template <class T>
void add_product(T* to, const T* x, const T* y, index_t n) {
  each_batch<T>(n, [&](index_t j) { num::fma(at(x + j), at(y + j), at(to + j)).store_unaligned(to + j); });
}
template <class T>
void subtract_product(T* to, const T* x, const T* y, index_t n) {
  each_batch<T>(n, [&](index_t j) { num::fma(-at(x + j), at(y + j), at(to + j)).store_unaligned(to + j); });
}
template <class T>
void add_scaled(T* to, const T* x, T factor, index_t n) {
  each_batch<T>(
      n, [&](index_t j) { num::fma(at(x + j), Batch<T>(factor), at(to + j)).store_unaligned(to + j); });
}
template <class T>
T dot(const T* x, const T* y, index_t n) {
  Batch<T> sum(T{0});
  each_batch<T>(n, [&](index_t j) { sum = num::fma(at(x + j), at(y + j), sum); });
  return num::sum(sum);
}

/// The decays of a chunk of n steps, one for each step or, if `keyed`, for each step and key.
template <class T>
struct Decays {
  static constexpr index_t block = 16;  ///< steps of a sub-block, if keyed

  index_t n, keys, width, pairs;  ///< keys and pairs: the lengths of rows; width: keys, or 1
  bool keyed, still;              ///< still: all are 1
  T* step;                        ///< (n, width) e^g
  T* since;                       ///< (n, width) from the beginning of the chunk to the step
  T* until;                       ///< (n, width) from the step to the end of the chunk
  T* inside;                      ///< (n, width) from the beginning of the sub-block, if keyed
  T* between;                     ///< (n, pairs) row s, column j: from step j to step s, if not keyed

  /// What follows from `step`.
  void prepare() {
    for (index_t t = 0; t < n; ++t) {
      for (index_t d = 0; d < width; ++d) {
        const T now = step[t * width + d];
        since[t * width + d] = t ? since[(t - 1) * width + d] * now : now;
        if (keyed) inside[t * width + d] = t % block ? inside[(t - 1) * width + d] * now : now;
      }
    }
    std::fill_n(until + (n - 1) * width, width, T{1});
    for (index_t i = (n - 1) * width - 1; i >= 0; --i) until[i] = until[i + width] * step[i + width];
    if (keyed || still) return;
    for (index_t t = 0; t < n; ++t) {
      T* const row = between + t * pairs;
      if (t) scale_row(row, row - pairs, step[t], small::padded<T>(t));
      row[t] = T{1};
      std::fill(row + t + 1, row + pairs, T{0});
    }
  }
  /// to = x, decayed by row t of `factors`; by nothing if t < 0.
  void apply(const T* factors, index_t t, const T* x, T* to) const {
    if (t < 0)
      std::copy_n(x, keys, to);
    else if (keyed)
      multiply_row(to, x, factors + t * keys, keys);
    else
      scale_row(to, x, factors[t], keys);
  }
  /// to += x, decayed so.
  void add(const T* factors, index_t t, const T* x, T* to) const {
    if (t < 0)
      add_scaled(to, x, T{1}, keys);
    else if (keyed)
      add_product(to, x, factors + t * keys, keys);
    else
      add_scaled(to, x, factors[t], keys);
  }
};

/// Rows that read, and their products with the rows written.
template <class T>
struct Read {
  When when;
  const T* x;       ///< (n, keys)
  T* scores;        ///< (n, pairs)
  T* slopes;        ///< backward: the gradient of scores, overwritten
  T* dx;            ///< backward: += the gradient of x, but for
  T* dx_undecayed;  ///< backward: += its part that no decay acts on
};

/// Memory for one call.
template <class T>
struct ScoreScratch {
  T* columns;  ///< (keys, pairs) the rows written, as columns
  T* rows;     ///< (n, keys)
  T* reads;    ///< (Decays::block, keys)
  T* sums;     ///< (Decays::block, keys)
};

/// scores of each read with y (n, keys); 0 for what is not seen.
template <class T>
class Scores {
 public:
  /// `exact`: as of small::multiply.
  Scores(const Decays<T>& decays, index_t key_size, const ScoreScratch<T>& scratch, bool exact)
      : d_(decays), size_(key_size), scratch_(scratch), exact_(exact) {}

  template <std::size_t Count>
  void forward(const std::array<Read<T>, Count>& reads, const T* y) const {
    if (d_.keyed) return forward_keyed(reads, y);
    small::transpose<T>(d_.n, size_, {y, d_.keys}, {scratch_.columns, d_.pairs});
    for (const Read<T>& read : reads) {
      small::multiply<T>(d_.n, d_.n, size_, {read.x, d_.keys}, {scratch_.columns, d_.pairs}, Put::set,
                         {read.scores, d_.pairs}, Triangle::result_lower);
      for (index_t t = 0; t < d_.n; ++t) decay_row(read.when, t, read.scores + t * d_.pairs);
    }
  }
  /// dx of each read, and dy += the gradient of y, but for dy_undecayed. If keyed, dy holds the gradient of y decayed to
  /// the end of the chunk at first.
  template <std::size_t Count>
  void backward(const std::array<Read<T>, Count>& reads, const T* y, T* dy, T* dy_undecayed) const {
    for (const Read<T>& read : reads)
      for (index_t t = 0; t < d_.n; ++t) set_apart(read, t, y, dy_undecayed);
    if (d_.keyed) {
      reads_backward(reads, y);
      writes_backward(reads, dy);
      return;
    }
    for (const Read<T>& read : reads) {
      for (index_t t = 0; t < d_.n; ++t) decay_row(read.when, t, read.slopes + t * d_.pairs);
      small::multiply<T>(d_.n, size_, d_.n, {read.slopes, d_.pairs}, {y, d_.keys}, Put::add,
                         {read.dx, d_.keys}, Triangle::left_lower, exact_);
      small::multiply<T>(d_.n, size_, d_.n, {read.slopes, d_.pairs, true}, {read.x, d_.keys}, Put::add,
                         {dy, d_.keys}, Triangle::left_upper, exact_);
    }
  }

 private:
  /// Row t of scores or slopes without decay gets it.
  void decay_row(When when, index_t t, T* row) const {
    const index_t seen = last_seen(when, t) + 1;
    if (!d_.still && seen > 0) {
      multiply_row(row, row, d_.between + state_of(when, t) * d_.pairs, small::padded<T>(seen));
    }
    std::fill(row + seen, row + d_.pairs, T{0});
  }
  /// What no decay acts on goes where it belongs, out of the slopes.
  void set_apart(const Read<T>& read, index_t t, const T* y, T* dy_undecayed) const {
    T* const row = read.slopes + t * d_.pairs;
    std::fill(row + last_seen(read.when, t) + 1, row + d_.pairs, T{0});
    const index_t j = undecayed(read.when, t);
    if (j < 0) return;
    add_scaled(read.dx_undecayed + t * d_.keys, y + j * d_.keys, row[j], d_.keys);
    add_scaled(dy_undecayed + j * d_.keys, read.x + t * d_.keys, row[j], d_.keys);
    row[j] = T{0};
  }

  index_t end_of(index_t first) const { return std::min(first + Decays<T>::block, d_.n); }
  /// The steps of a sub-block whose state is s, at most one for each read.
  static index_t reader_of(When when, index_t s) { return when == When::before ? s + 1 : s; }
  /// The reads of a sub-block, decayed from its beginning on.
  void decayed_reads(const Read<T>& read, index_t first, index_t end) const {
    for (index_t t = first; t < end; ++t) {
      const index_t s = state_of(read.when, t);
      d_.apply(d_.inside, s < first ? -1 : s, read.x + t * d_.keys, scratch_.reads + (t - first) * d_.keys);
    }
  }
  /// Calls f(t) before and after the rows written in the sub-block are decayed to step t, for the reads that see them so.
  template <std::size_t Count, class F>
  void walk(const std::array<Read<T>, Count>& reads, const T* y, index_t first, index_t end, T* rows,
            F&& f) const {
    for (index_t t = first; t < end; ++t) {
      for (const Read<T>& read : reads)
        if (read.when == When::before) f(read, t);
      const T* const step = d_.step + t * d_.keys;
      for (index_t j = first; j < t; ++j) multiply_row(rows + j * d_.keys, rows + j * d_.keys, step, d_.keys);
      std::copy_n(y + t * d_.keys, d_.keys, rows + t * d_.keys);
      for (const Read<T>& read : reads)
        if (read.when != When::before) f(read, t);
    }
  }

  template <std::size_t Count>
  void forward_keyed(const std::array<Read<T>, Count>& reads, const T* y) const {
    T *const rows = scratch_.rows, *const columns = scratch_.columns;
    for (index_t first = 0; first < d_.n; first += Decays<T>::block) {
      const index_t end = end_of(first);
      for (const Read<T>& read : reads) {
        if (first == 0) break;
        decayed_reads(read, first, end);
        small::multiply<T>(end - first, first, size_, {scratch_.reads, d_.keys}, {columns, d_.pairs},
                           Put::set, {read.scores + first * d_.pairs, d_.pairs});
      }
      walk(reads, y, first, end, rows, [&](const Read<T>& read, index_t t) {
        T* const row = read.scores + t * d_.pairs;
        const index_t seen = last_seen(read.when, t) + 1;
        for (index_t j = first; j < seen; ++j)
          row[j] = dot(read.x + t * d_.keys, rows + j * d_.keys, d_.keys);
        std::fill(row + seen, row + d_.pairs, T{0});
      });
      if (end < d_.n) append_columns(first, end);
    }
  }
  /// The columns of earlier sub-blocks are decayed to the end of this one, whose rows become columns.
  void append_columns(index_t first, index_t end) const {
    const T* const whole = d_.inside + (end - 1) * d_.keys;
    for (index_t d = 0; d < size_; ++d) {
      T* const row = scratch_.columns + d * d_.pairs;
      scale_row(row, row, whole[d], first);
      for (index_t j = first; j < end; ++j) row[j] = scratch_.rows[j * d_.keys + d];
    }
  }

  template <std::size_t Count>
  void reads_backward(const std::array<Read<T>, Count>& reads, const T* y) const {
    T* const rows = scratch_.rows;
    for (index_t first = 0; first < d_.n; first += Decays<T>::block) {
      const index_t end = end_of(first);
      for (const Read<T>& read : reads) {
        if (first == 0) break;
        small::multiply<T>(end - first, size_, first, {read.slopes + first * d_.pairs, d_.pairs},
                           {rows, d_.keys}, Put::set, {scratch_.sums, d_.keys});
        for (index_t t = first; t < end; ++t) {
          const index_t s = state_of(read.when, t);
          d_.add(d_.inside, s < first ? -1 : s, scratch_.sums + (t - first) * d_.keys, read.dx + t * d_.keys);
        }
      }
      walk(reads, y, first, end, rows, [&](const Read<T>& read, index_t t) {
        const T* const row = read.slopes + t * d_.pairs;
        for (index_t j = first; j <= last_seen(read.when, t); ++j)
          add_scaled(read.dx + t * d_.keys, rows + j * d_.keys, row[j], d_.keys);
      });
      const T* const whole = d_.inside + (end - 1) * d_.keys;
      for (index_t j = 0; j < first; ++j)
        multiply_row(rows + j * d_.keys, rows + j * d_.keys, whole, d_.keys);
    }
  }
  template <std::size_t Count>
  void writes_backward(const std::array<Read<T>, Count>& reads, T* dy) const {
    for (index_t first = (d_.n - 1) / Decays<T>::block * Decays<T>::block; first >= 0;
         first -= Decays<T>::block) {
      const index_t end = end_of(first);
      for (index_t s = end - 1; s >= first; --s) {  // rows j <= s hold the gradient of y decayed to step s
        for (index_t j = first; j <= s && s + 1 < end; ++j)
          multiply_row(dy + j * d_.keys, dy + j * d_.keys, d_.step + (s + 1) * d_.keys, d_.keys);
        for (const Read<T>& read : reads) {
          const index_t t = reader_of(read.when, s);
          if (t >= end) continue;
          for (index_t j = first; j < s; ++j)
            add_scaled(dy + j * d_.keys, read.x + t * d_.keys, read.slopes[t * d_.pairs + j], d_.keys);
        }
      }
      if (first == 0) break;
      const T* const whole = d_.inside + (end - 1) * d_.keys;
      for (index_t j = 0; j < first; ++j) multiply_row(dy + j * d_.keys, dy + j * d_.keys, whole, d_.keys);
      for (const Read<T>& read : reads) {
        decayed_reads(read, first, end);
        small::multiply<T>(first, size_, end - first, {read.slopes + first * d_.pairs, d_.pairs, true},
                           {scratch_.reads, d_.keys}, Put::add, {dy, d_.keys});
      }
    }
  }

  const Decays<T>& d_;
  index_t size_;
  ScoreScratch<T> scratch_;
  bool exact_;
};

}  // namespace unroll::detail::attention
