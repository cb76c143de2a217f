#pragma once
/// \file What scan can do beside a plain loop.

#include "unroll/layers/scanned.hpp"
#include "unroll/layers/state_noise.hpp"

namespace unroll {

struct ScanOptions {
  bool reverse = false;  ///< from each sequence's end to its beginning; outputs stay at their own time

  /// (B,): the true length of each sequence, 0 … T; empty: all are T. Any order: nothing needs to be sorted.
  Indices lengths = {};
  /// (T, B): not 0 where a new sequence begins at that step; empty: nowhere. The state before it is replaced
  /// by the cell's initial_state(B), or by zeros, which cuts the gradient.
  Indices resets = {};

  /// Recomputation: 0 keeps what backward needs; n keeps only the states between segments of n steps, and
  /// computes the rest again; square_root takes √T. Needs a cell that can be copied, and does the same each
  /// time; what a lambda holds by reference must live until backward.
  index_t segment = 0;
  static constexpr index_t square_root = -1;  ///< For `segment`: about √T
  /// The same by a budget in bytes for what a segment keeps; 0: none.
  std::size_t memory = 0;

  StateNoise noise = {};  ///< recurrent dropout and zoneout
};

}  // namespace unroll
