#pragma once  // internal
/// \file The loops of the causal convolution, on raw memory. Internal to causal_conv1d.cpp.

#include <algorithm>
#include <vector>

#include "unroll/autograd/threads.hpp"
#include "unroll/detail/autograd/base/team.hpp"
#include "unroll/detail/autograd/core/idle_rows.hpp"
#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll::detail {

/// The extents of a causal convolution. A row is one step of one sequence, number t · batch + b.
///
/// The inputs of the state and of x together are `history`: step s of it is x_{s − taps + 1}. Output t sees its steps
/// t … t + taps − 1, the last of which is x_t.
struct ConvSizes {
  index_t time, batch, inputs, outputs, taps;
  bool depthwise;

  index_t before() const { return taps - 1; }  ///< steps of the state
  index_t rows() const { return time * batch; }
  index_t state_rows() const { return before() * batch; }
};

/// Rows of inputs, or of their gradients, of the state and of x.
template <class T>
struct History {
  T *state, *x;  ///< the state may be null
  index_t state_rows, cols;
  T* row(index_t r) const {
    return r < state_rows ? (state ? state + r * cols : nullptr) : x + (r - state_rows) * cols;
  }
};

/// What each row may see of the history.
struct ConvSight {
  std::vector<index_t> taps;     ///< of each row: how many of the last taps; 0 beyond the end
  std::vector<index_t> lengths;  ///< of each sequence
  std::vector<index_t> kept;     ///< of each sequence: how many of its last inputs go into the state
};

/// Calls part(first, last) for pieces of the features, on several threads where that pays.
template <class F>
void share_features(const ConvSizes& s, F&& part) {
  constexpr index_t least = 64;      // features: whole cache lines, and long enough for the loops
  constexpr index_t pays = 1 << 18;  // products of one part: some 50 µs
  const index_t products = s.rows() * s.inputs * s.taps;
  const index_t parts = std::max<index_t>(
      1, std::min({static_cast<index_t>(num_threads()), s.inputs / least, products / pays}));
  const index_t unit = (s.inputs / parts + 15) / 16 * 16;
  const auto share = [&](int p) {
    const index_t first = std::min(s.inputs, p * unit);
    part(first, p + 1 == parts ? s.inputs : std::min(s.inputs, first + unit));
  };
  share_parts(static_cast<int>(parts), share);
}

/// Up to four rows and their weights.
template <class T>
struct Terms {
  static constexpr int most = 4;
  const T* w[most];
  const T* x[most];
  int count = 0;
};

// y = base + Σ w_k ⊙ x_k; a base that is null is 0.
template <int count, class T>
void weigh_rows(const Terms<T>& terms, index_t first, index_t last, const T* base, T* y) {
  for_blocks<T>(
      last - first, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const index_t at = first + j;
        Batch<T> sum = base ? load_block(base + at, n) : Batch<T>(T{0});
        for (int k = 0; k < count; ++k)
          sum += load_block(terms.w[k] + at, n) * load_block(terms.x[k] + at, n);
        store_block(y + at, sum, n);
      });
}
template <class T>
void weigh_rows(const Terms<T>& terms, index_t first, index_t last, const T* base, T* y) {
  switch (terms.count) {
    case 1:
      return weigh_rows<1>(terms, first, last, base, y);
    case 2:
      return weigh_rows<2>(terms, first, last, base, y);
    case 3:
      return weigh_rows<3>(terms, first, last, base, y);
    case 4:
      return weigh_rows<4>(terms, first, last, base, y);
    default:
      return weigh_rows<0>(terms, first, last, base, y);
  }
}

/// y = base + Σ_k w_k ⊙ x_k over terms that are told one by one, in this order.
template <class T>
class RowSum {
 public:
  RowSum(index_t first, index_t last, const T* base, T* y) : first_(first), last_(last), base_(base), y_(y) {}
  void add(const T* w, const T* x) {
    if (terms_.count == Terms<T>::most) flush();
    terms_.w[terms_.count] = w;
    terms_.x[terms_.count++] = x;
  }
  void finish() {
    if (terms_.count > 0 || base_ != y_) flush();
  }

 private:
  void flush() {
    weigh_rows(terms_, first_, last_, base_, y_);
    terms_.count = 0;
    base_ = y_;
  }
  Terms<T> terms_;
  index_t first_, last_;
  const T* base_;
  T* y_;
};

/// The weights tap by tap: (K, I) of (I, K), or (K, O, I) of (O, I, K).
template <class T>
PoolVector<T> weights_by_tap(const ConvSizes& s, const T* w) {
  const index_t n = s.depthwise ? s.inputs : s.outputs * s.inputs;
  PoolVector<T> taps(static_cast<std::size_t>(s.taps * n));
  for (index_t k = 0; k < n; ++k)
    for (index_t j = 0; j < s.taps; ++j) taps[static_cast<std::size_t>(j * n + k)] = w[k * s.taps + j];
  return taps;
}

/// The outputs of features [first, last) of a depthwise convolution.
template <class T>
void convolve_features(const ConvSizes& s, const ConvSight& sight, const History<const T>& in, const T* w,
                       const T* bias, T* y, index_t first, index_t last) {
  for (index_t r = 0; r < s.rows(); ++r) {
    const index_t seen = sight.taps[static_cast<std::size_t>(r)];
    T* const to = y + r * s.inputs;
    if (seen == 0) {
      std::fill(to + first, to + last, T{0});
      continue;
    }
    RowSum<T> sum(first, last, bias, to);
    for (index_t j = s.taps - seen; j < s.taps; ++j) sum.add(w + j * s.inputs, in.row(r + j * s.batch));
    sum.finish();
  }
}

/// The gradients of features [first, last) of the rows [begin, end) of the history: Σ_j w_j ⊙ dy_{s − j}.
template <class T>
void features_back(const ConvSizes& s, const std::vector<index_t>& taps, const T* dy, const T* w,
                   const History<T>& to, index_t begin, index_t end, bool add, index_t first, index_t last) {
  for (index_t h = begin; h < end; ++h) {
    T* const dx = to.row(h);
    RowSum<T> sum(first, last, add ? dx : nullptr, dx);
    for (index_t j = 0; j < s.taps; ++j) {
      const index_t r = h - j * s.batch;
      if (r < 0) break;
      if (r < s.rows() && taps[static_cast<std::size_t>(r)] >= s.taps - j)
        sum.add(w + j * s.inputs, dy + r * s.inputs);
    }
    sum.finish();
  }
}

/// to[j][i] += Σ_r dy[r][i] · x[r + j · batch][i] over features [first, last); `to` is in double.
///
/// For a few rows at a time, which stay in the cache, the sums of one batch of features are in registers.
template <class T>
void feature_weights_back(const ConvSizes& s, const std::vector<index_t>& taps, const T* dy,
                          const History<const T>& in, double* to, index_t first, index_t last) {
  constexpr index_t width = Batch<T>::size;
  alignas(64) T lanes[width];
  for (index_t begin = 0; begin < s.rows(); begin += chain_terms) {
    const index_t end = std::min(s.rows(), begin + chain_terms);
    for (index_t j = 0; j < s.taps; ++j) {
      for_blocks<T>(last - first, [&](index_t i, index_t n) {
        Batch<T> sum(T{0});
        for (index_t r = begin; r < end; ++r) {
          if (taps[static_cast<std::size_t>(r)] < s.taps - j) continue;
          sum += load_block(dy + r * s.inputs + first + i, n) *
                 load_block(in.row(r + j * s.batch) + first + i, n);
        }
        sum.store_aligned(lanes);
        for (index_t k = 0; k < n; ++k) to[j * s.inputs + first + i + k] += static_cast<double>(lanes[k]);
      });
    }
  }
}

/// The rows [first, last) of the outputs whose tap j sees the history, zeros in place of the others: as they are where
/// all of them do.
template <class T>
const T* rows_in_sight(const ConvSizes& s, const std::vector<index_t>& taps, index_t j, index_t first,
                       index_t last, const T* rows, index_t cols, PoolVector<T>& copy) {
  const auto sees = [&](index_t r) { return taps[static_cast<std::size_t>(r)] >= s.taps - j; };
  bool all = true;
  for (index_t r = first; all && r < last; ++r) all = sees(r);
  if (all) return rows;
  copy.assign(static_cast<std::size_t>((last - first) * cols), T{0});
  for (index_t r = first; r < last; ++r)
    if (sees(r)) std::copy_n(rows + (r - first) * cols, cols, copy.data() + (r - first) * cols);
  return copy.data();
}

/// Calls f(j, first, last, row of the history) for the rows [first, last) of the outputs whose tap j lies in the state,
/// and for those whose tap lies in x.
template <class F>
void for_tap_pieces(const ConvSizes& s, bool has_state, F&& f) {
  for (index_t j = 0; j < s.taps; ++j) {
    const index_t inside =
        std::min(s.rows(), (s.before() - j) * s.batch);  // rows whose tap lies in the state
    if (has_state && inside > 0) f(j, index_t{0}, inside, j * s.batch);
    if (inside < s.rows()) f(j, inside, s.rows(), inside + j * s.batch);
  }
}

}  // namespace unroll::detail
