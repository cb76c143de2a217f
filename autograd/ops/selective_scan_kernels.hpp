#pragma once  // internal
/// \file The loops of selective_scan over a piece of the channels of one sequence.

#include <algorithm>

#include "unroll/detail/autograd/base/long_sums.hpp"
#include "unroll/detail/autograd/base/pool.hpp"
#include "unroll/detail/autograd/ops/recurrence_rows.hpp"
#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll::detail {

/// Sizes, and how the work is cut: into pieces of channels that share B and C.
struct SelectiveGrid {
  index_t steps, batch, channels, groups, states;
  std::vector<RowStart> starts;

  static constexpr index_t chunk = chain_terms;  ///< steps between states that are kept
  static constexpr index_t piece = 128;          ///< channels
  index_t chunks() const { return (steps + chunk - 1) / chunk; }
  index_t group_channels() const { return channels / groups; }
  index_t pieces_of_group() const { return (group_channels() + piece - 1) / piece; }
  index_t pieces() const { return groups * pieces_of_group(); }
  /// Piece number p: its group, and its channels [first, last).
  index_t group(index_t p) const { return p / pieces_of_group(); }
  index_t first(index_t p) const { return group(p) * group_channels() + p % pieces_of_group() * piece; }
  index_t last(index_t p) const { return std::min((group(p) + 1) * group_channels(), first(p) + piece); }
  RowStart start(index_t t, index_t row) const {
    if (starts.empty()) return t == 0 ? RowStart::given : RowStart::goes_on;
    return starts[static_cast<std::size_t>(t * batch + row)];
  }
  /// Element 0 of what belongs to step t of a sequence: channels, and states of a group.
  index_t channel(index_t t, index_t row, index_t d) const { return (t * batch + row) * channels + d; }
  index_t state(index_t t, index_t row, index_t group) const {
    return ((t * batch + row) * groups + group) * states;
  }
};

template <class T>
struct SelectiveInputs {
  const T *u, *delta, *b, *c;
  const T* a;        ///< (N, D), transposed
  const T* initial;  ///< (B, D, N) or null
};

inline namespace UNROLL_ISA {

/// A block of channels: one batch of lanes, of which `n` count.
template <class T>
struct ChannelBlock {
  index_t d, n;
};
template <class T>
constexpr index_t block_width = static_cast<index_t>(Batch<T>::size);

template <class T>
UNROLL_INLINE Batch<T> lanes(const T* p) {
  return Batch<T>::load_unaligned(p);
}

/// h of a block, (N, lanes), from (B, D, N), or zeros.
template <class T>
void load_state(const SelectiveGrid& g, const T* from, index_t row, index_t d, index_t n, T* h) {
  std::fill_n(h, g.states * block_width<T>, T{0});
  if (!from) return;
  for (index_t j = 0; j < n; ++j)
    for (index_t s = 0; s < g.states; ++s)
      h[s * block_width<T> + j] = from[(row * g.channels + d + j) * g.states + s];
}
template <class T>
void store_state(const SelectiveGrid& g, const T* h, index_t row, index_t d, index_t n, T* to) {
  for (index_t j = 0; j < n; ++j)
    for (index_t s = 0; s < g.states; ++s)
      to[(row * g.channels + d + j) * g.states + s] = h[s * block_width<T> + j];
}

/// One step of a block: h := exp(δ A) h + δ u B. Keeps what was before and the decays where asked to; returns y.
template <class T>
UNROLL_INLINE Batch<T> selective_step(const SelectiveGrid& g, const SelectiveInputs<T>& in, index_t t,
                                      index_t row, index_t group, index_t d, index_t n, T* h, T* before,
                                      T* decay) {
  const Batch<T> delta = load_block(in.delta + g.channel(t, row, d), n),
                 du = delta * load_block(in.u + g.channel(t, row, d), n);
  const T *const b = in.b + g.state(t, row, group), *const c = in.c + g.state(t, row, group);
  Batch<T> y(T{0});
  for (index_t first = 0; first < g.states; first += chain_terms) {
    Batch<T> sum(T{0});
    for (index_t s = first; s < std::min(g.states, first + chain_terms); ++s) {
      T* const state = h + s * block_width<T>;
      const Batch<T> a = num::exp(delta * load_block(in.a + s * g.channels + d, n)), old = lanes(state);
      const Batch<T> next = num::fma(a, old, du * Batch<T>(b[s]));
      if (before) {
        old.store_unaligned(before + s * block_width<T>);
        a.store_unaligned(decay + s * block_width<T>);
      }
      next.store_unaligned(state);
      sum = num::fma(Batch<T>(c[s]), next, sum);
    }
    y = y + sum;
  }
  return y;
}

}  // namespace UNROLL_ISA

/// Forward over a piece of one sequence. `kept`: (chunks, N, lanes) for each block of the piece.
template <class T>
void selective_forward(const SelectiveGrid& g, const SelectiveInputs<T>& in, index_t row, index_t piece, T* y,
                       T* last_state, T* kept) {
  const index_t width = block_width<T>, size = g.states * width;
  PoolVector<T> h(static_cast<std::size_t>(size));
  for (index_t d = g.first(piece); d < g.last(piece); d += width) {
    const index_t n = std::min(width, g.last(piece) - d);
    load_state(g, in.initial, row, d, n, h.data());
    for (index_t t = 0; t < g.steps; ++t) {
      if (t % SelectiveGrid::chunk == 0 && kept) kept = std::copy_n(h.data(), size, kept);
      const RowStart start = g.start(t, row);
      if (start == RowStart::fresh) std::fill_n(h.data(), size, T{0});
      const Batch<T> out = start == RowStart::ended ? Batch<T>(T{0})
                                                    : selective_step<T>(g, in, t, row, g.group(piece), d, n,
                                                                        h.data(), nullptr, nullptr);
      store_block(y + g.channel(t, row, d), out, n);
    }
    store_state(g, h.data(), row, d, n, last_state);
  }
}

}  // namespace unroll::detail
