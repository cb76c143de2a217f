#pragma once
/// \file What a recurrent layer can be told, when it is made and when it runs.

#include "unroll/autograd/permute.hpp"
#include "unroll/layers/scan_options.hpp"

namespace unroll {

/// How the outputs of both directions become one: side by side, added, or their mean.
enum class Merge { concat, sum, mean };

/// In PyTorch's order first; see "Options" in docs/from_pytorch.md.
struct RecurrentOptions {
  int num_layers = 1;          ///< L
  bool bias = true;            ///< with b_ih and b_hh
  bool batch_first = false;    ///< x and output are (B, T, …) instead of (T, B, …)
  double dropout = 0;          ///< on the output of every layer but the last, while training
  bool bidirectional = false;  ///< a second cell per layer runs from each sequence's end
  bool variational = false;    ///< that dropout drops the same elements at every step (Gal, Ghahramani 2016)
  double recurrent_dropout = 0;            ///< see StateNoise::dropout
  double zoneout = 0, zoneout_memory = 0;  ///< see StateNoise
  bool residual = false;                   ///< a layer whose input has the size of its output adds it to it
  Merge merge = Merge::concat;             ///< of both directions
  bool learn_initial_state = false;        ///< parameters initial_h, …, (D·L, 1, H), zero at first
};

/// What may be said of one batch of sequences; see ScanOptions. With batch_first resets are (B, T).
struct SequenceOptions {
  Indices lengths = {};    ///< (B,) or empty
  Indices resets = {};     ///< (T, B) or empty
  index_t segment = 0;     ///< recomputation by steps
  std::size_t memory = 0;  ///< recomputation by bytes
};

namespace detail {

template <class T>
Variable<T> merge_directions(Merge how, const Variable<T>& forward, const Variable<T>& backward);

/// With resets (T, B) instead of (B, T).
SequenceOptions time_first(SequenceOptions options);

/// x with zeros beyond the sequences' ends.
/// Shapes: x (T, B, F), lengths (B,) or empty.
template <class T>
Variable<T> without_padding(const Variable<T>& x, const Indices& lengths);

}  // namespace detail
}  // namespace unroll
