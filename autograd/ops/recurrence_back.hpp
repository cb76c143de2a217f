#pragma once  // internal
/// \file The way back of linear_recurrence over a block of columns.

#include "unroll/detail/autograd/ops/recurrence_kernels.hpp"

namespace unroll::detail {

/// A gradient of so many bytes is in no cache when it is read.
inline constexpr index_t huge_bytes = index_t{1} << 25;

/// Where the gradient of an operand goes. One that steps or rows share is summed in chains, and these in double.
template <class T, int N>
class OperandSink {
 public:
  OperandSink() = default;
  /// For the columns [c, c + n) of `to`, which is written.
  OperandSink(const RecurrenceGrid& grid, const SequenceArrays<T, N>& to, index_t c, index_t n)
      : to_(to),
        c_(c),
        n_(n),
        shared_(false),
        by_row_(false),
        huge_(grid.steps * grid.rows * grid.cols * static_cast<index_t>(sizeof(T)) >= huge_bytes) {
    for (const auto& array : to)
      shared_ =
          shared_ || (array && ((array.step == 0 && grid.steps > 1) || (array.row == 0 && grid.rows > 1)));
    if (!shared_) return;
    for (const auto& array : to) by_row_ = by_row_ || (array && array.row == 0 && grid.rows > 1);
    rows_ = by_row_ ? 1 : grid.rows;
    for (std::size_t p = 0; p < to.size(); ++p) {
      if (!to[p]) continue;
      chain_[p].assign(static_cast<std::size_t>(rows_ * n), T{0});
      sums_[p].assign(chain_[p].size(), 0.0);
    }
  }

  StepSink<T, N> at(index_t t, index_t r) {
    StepSink<T, N> sink;
    for (std::size_t p = 0; p < to_.size(); ++p) {
      if (!to_[p]) continue;
      sink.add[p] = shared_;
      sink.stream[p] = huge_ && !sink.add[p] && can_stream(to_[p].at(t, r, c_), n_);
      sink.to[p] = shared_ ? chain_[p].data() + (by_row_ ? 0 : r * n_) : to_[p].at(t, r, c_);
    }
    return sink;
  }
  void zero(index_t t, index_t r) {
    const StepSink<T, N> sink = at(t, r);
    for (std::size_t p = 0; p < to_.size(); ++p)
      if (sink.to[p] && !sink.add[p]) std::fill_n(sink.to[p], n_, T{0});
  }
  void end_row() {
    if (shared_ && by_row_) count();
  }
  void end_step() {
    if (shared_ && !by_row_) count();
  }
  void finish() {
    if (!shared_) return;
    flush();
    for (std::size_t p = 0; p < to_.size(); ++p) {
      for (index_t r = 0; to_[p] && r < rows_; ++r) {
        T* const to = to_[p].at(0, r, c_);
        const double* const from = sums_[p].data() + r * n_;
        for (index_t j = 0; j < n_; ++j) to[j] = static_cast<T>(from[j]);
      }
    }
  }

 private:
  void count() {
    if (++added_ == chain_terms) flush();
  }
  void flush() {
    for (std::size_t p = 0; p < to_.size(); ++p) {
      for (std::size_t j = 0; j < sums_[p].size(); ++j) sums_[p][j] += static_cast<double>(chain_[p][j]);
      std::fill(chain_[p].begin(), chain_[p].end(), T{0});
    }
    added_ = 0;
  }

  SequenceArrays<T, N> to_{};
  index_t c_ = 0, n_ = 0, rows_ = 0, added_ = 0;
  bool shared_ = false, by_row_ = false, huge_ = false;
  Parts<PoolVector<T>, N> chain_;
  Parts<PoolVector<double>, N> sums_;
};

/// What a way back reads and writes.
template <class T, int N>
struct RecurrenceBack {
  const RecurrenceGrid& grid;
  SequenceArrays<const T, N> a, h0, h, dh;  ///< dh may be null
  SequenceArrays<T, N> da{}, db{}, dh0{};   ///< null where nobody wants it; dh0 begins as zeros

  void run(index_t c, index_t n) const {
    OperandSink<T, N> to_a(grid, da, c, n), to_b(grid, db, c, n);
    Parts<PoolVector<T>, N> carry;
    for (auto& part : carry) part.assign(static_cast<std::size_t>(grid.rows * n), T{0});
    for (index_t k = grid.steps; k-- > 0;) {
      for (index_t r = 0; r < grid.rows; ++r) {
        step(k, r, c, n, carry, to_a, to_b);
        to_a.end_row(), to_b.end_row();
      }
      to_a.end_step(), to_b.end_step();
    }
    to_a.finish(), to_b.finish();
    finish_streams();
  }

 private:
  void step(index_t k, index_t r, index_t c, index_t n, Parts<PoolVector<T>, N>& carry,
            OperandSink<T, N>& to_a, OperandSink<T, N>& to_b) const {
    const RowStart start = grid.start(k, r);
    const index_t t = grid.time(k);
    if (start == RowStart::ended) return to_a.zero(t, r), to_b.zero(t, r);
    Parts<const T*, N> before{};
    Parts<T*, N> carried{};
    for (std::size_t p = 0; p < carried.size(); ++p) {
      if (start == RowStart::given) before[p] = h0[p].at(0, r, c);
      if (start == RowStart::goes_on) before[p] = h[p].at(grid.time(k - 1), r, c);
      carried[p] = carry[p].data() + r * n;
    }
    step_back<T, N>(at<const T, N>(a, t, r, c), before, at<const T, N>(dh, t, r, c), carried.data(),
                    to_a.at(t, r), to_b.at(t, r), n);
    if (start == RowStart::fresh) to_a.zero(t, r);
    for (std::size_t p = 0; p < carried.size(); ++p) {
      if (start == RowStart::given && dh0[p]) std::copy_n(carried[p], n, dh0[p].at(0, r, c));
      if (start != RowStart::goes_on) std::fill_n(carried[p], n, T{0});
    }
  }
};

}  // namespace unroll::detail
