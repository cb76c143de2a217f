#pragma once  // internal
/// \file The way back of selective_scan over a piece of the channels of one sequence.

#include "unroll/detail/autograd/ops/selective_scan_kernels.hpp"

namespace unroll::detail {

/// Slopes of the results, and where the gradients of one piece go.
template <class T>
struct SelectiveGradients {
  const T *dy, *dstate;  ///< either may be null
  T *du, *ddelta;        ///< (T, B, D), written; not null
  T *db, *dc;            ///< (T, B, G, N) of this piece alone, written
  double* da;            ///< (D, N) of this sequence alone, added to
  T* dinitial;           ///< (B, D, N), written, or null
};

inline namespace UNROLL_ISA {

/// The scratch of a chunk: for each step and state the lanes before the step and its decay; and sums over the channels.
template <class T>
struct SelectiveScratch {
  explicit SelectiveScratch(const SelectiveGrid& g)
      : size(g.states * block_width<T>),
        h(at(1)),
        before(at(g.chunk)),
        decay(at(g.chunk)),
        carry(at(1)),
        da(at(1)),
        db(at(g.chunk)),
        dc(at(g.chunk)) {}
  PoolVector<T> at(index_t steps) const {
    return PoolVector<T>(static_cast<std::size_t>(steps * size), T{0});
  }
  index_t size;
  PoolVector<T> h, before, decay, carry, da, db, dc;
};

/// One step back: `carry` is the slope of the state after it, and then of that before it. Where a slope is 0, nothing
/// flows, whatever it is multiplied with.
template <class T>
UNROLL_INLINE void selective_step_back(const SelectiveGrid& g, const SelectiveInputs<T>& in,
                                       const SelectiveGradients<T>& to, index_t t, index_t row, index_t group,
                                       index_t d, index_t n, SelectiveScratch<T>& s, index_t k) {
  using Lanes = Batch<T>;
  const index_t at = g.channel(t, row, d), width = block_width<T>;
  const Lanes delta = load_block(in.delta + at, n), u = load_block(in.u + at, n), du = delta * u;
  const Lanes dy = to.dy ? load_block(to.dy + at, n) : Lanes(T{0});
  const T *const b = in.b + g.state(t, row, group), *const c = in.c + g.state(t, row, group);
  Lanes slope_b(T{0}), slope_delta(T{0});
  for (index_t first = 0; first < g.states; first += chain_terms) {
    Lanes sum_b(T{0}), sum_delta(T{0});
    for (index_t i = first; i < std::min(g.states, first + chain_terms); ++i) {
      const index_t j = i * width, here = k * s.size + j;
      const Lanes a = lanes(s.decay.data() + here), old = lanes(s.before.data() + here), bi(b[i]);
      const Lanes slope = num::fma(dy, Lanes(c[i]), lanes(s.carry.data() + j));
      const Lanes h = num::fma(a, old, du * bi), back = num::chain(slope, a), through = num::chain(back, old);
      const auto add_to = [](T* to, Lanes x) { (lanes(to) + x).store_unaligned(to); };
      add_to(s.dc.data() + here, num::chain(dy, h));
      add_to(s.db.data() + here, num::chain(slope, du));
      add_to(s.da.data() + j, num::chain(through, delta));
      sum_b = sum_b + num::chain(slope, bi);
      sum_delta = num::fma(through, load_block(in.a + i * g.channels + d, n), sum_delta);
      back.store_unaligned(s.carry.data() + j);
    }
    slope_b = slope_b + sum_b, slope_delta = slope_delta + sum_delta;
  }
  store_block(to.du + at, num::chain(slope_b, delta), n);
  store_block(to.ddelta + at, num::chain(slope_b, u) + slope_delta, n);
}

}  // namespace UNROLL_ISA

/// Back over a piece of one sequence; `kept` as selective_forward left it.
template <class T>
class SelectiveBack {
 public:
  SelectiveBack(const SelectiveGrid& grid, const SelectiveInputs<T>& in, const SelectiveGradients<T>& to,
                index_t row, index_t piece, const T* kept)
      : g_(grid), in_(in), to_(to), row_(row), piece_(piece), kept_(kept), s_(grid) {}

  void run() {
    const index_t width = block_width<T>, blocks = (g_.last(piece_) - g_.first(piece_) + width - 1) / width;
    carries_.assign(static_cast<std::size_t>(blocks * s_.size), T{0});
    for (index_t k = 0; k < blocks; ++k)
      load_state(g_, to_.dstate, row_, channel(k), lanes_of(k), carries_.data() + k * s_.size);
    for (index_t chunk = g_.chunks(); chunk-- > 0;) {
      const index_t first = chunk * g_.chunk, count = std::min(g_.chunk, g_.steps - first);
      std::fill(s_.db.begin(), s_.db.end(), T{0});
      std::fill(s_.dc.begin(), s_.dc.end(), T{0});
      for (index_t k = 0; k < blocks; ++k) block_back(k, chunk, first, count);
      sum_lanes(first, count);
    }
    for (index_t k = 0; to_.dinitial && k < blocks; ++k)
      store_state(g_, carries_.data() + k * s_.size, row_, channel(k), lanes_of(k), to_.dinitial);
  }

 private:
  index_t channel(index_t block) const { return g_.first(piece_) + block * block_width<T>; }
  index_t lanes_of(index_t block) const { return std::min(block_width<T>, g_.last(piece_) - channel(block)); }

  void block_back(index_t k, index_t chunk, index_t first, index_t count) {
    const index_t d = channel(k), n = lanes_of(k), group = g_.group(piece_);
    std::copy_n(kept_ + (k * g_.chunks() + chunk) * s_.size, s_.size, s_.h.data());
    for (index_t i = 0; i < count; ++i) {
      const RowStart start = g_.start(first + i, row_);
      if (start == RowStart::ended) continue;
      if (start == RowStart::fresh) std::fill(s_.h.begin(), s_.h.end(), T{0});
      selective_step<T>(g_, in_, first + i, row_, group, d, n, s_.h.data(), s_.before.data() + i * s_.size,
                        s_.decay.data() + i * s_.size);
    }
    std::copy_n(carries_.data() + k * s_.size, s_.size, s_.carry.data());
    std::fill(s_.da.begin(), s_.da.end(), T{0});
    for (index_t i = count; i-- > 0;) {
      const index_t t = first + i;
      const RowStart start = g_.start(t, row_);
      if (start == RowStart::ended) {
        store_block(to_.du + g_.channel(t, row_, d), Batch<T>(T{0}), n);
        store_block(to_.ddelta + g_.channel(t, row_, d), Batch<T>(T{0}), n);
        continue;
      }
      selective_step_back<T>(g_, in_, to_, t, row_, group, d, n, s_, i);
      if (start == RowStart::fresh) std::fill(s_.carry.begin(), s_.carry.end(), T{0});
    }
    std::copy_n(s_.carry.data(), s_.size, carries_.data() + k * s_.size);
    for (index_t j = 0; j < n; ++j)
      for (index_t i = 0; i < g_.states; ++i)
        to_.da[(d + j) * g_.states + i] +=
            static_cast<double>(s_.da[static_cast<std::size_t>(i * block_width<T> + j)]);
  }
  // The channels' contributions to B and C.
  void sum_lanes(index_t first, index_t count) {
    for (index_t i = 0; i < count; ++i) {
      const index_t to = g_.state(first + i, row_, g_.group(piece_));
      for (index_t j = 0; j < g_.states; ++j) {
        const index_t from = i * s_.size + j * block_width<T>;
        to_.db[to + j] = num::sum(lanes(s_.db.data() + from));
        to_.dc[to + j] = num::sum(lanes(s_.dc.data() + from));
      }
    }
  }

  const SelectiveGrid& g_;
  const SelectiveInputs<T>& in_;
  const SelectiveGradients<T>& to_;
  index_t row_, piece_;
  const T* kept_;
  SelectiveScratch<T> s_;
  PoolVector<T> carries_;
};

}  // namespace unroll::detail
