#pragma once
/// \file What the engine does in memory beside what the ops compute: the less, the better.

#include <cstdint>

namespace unroll {

/// Counts of a thread since it began; the first three in bytes.
struct Traffic {
  std::uint64_t copied = 0;  ///< values and gradients that were written to a second place
  std::uint64_t zeroed = 0;  ///< gradients filled with zeros because an op could only add
  std::uint64_t added = 0;   ///< gradients that were added to what an earlier op had written
  std::uint64_t blocks = 0;  ///< pieces of memory that the pool gave out
  std::uint64_t walks = 0;   ///< passes over arrays that are not all in one piece and of one shape
};

/// Those of the calling thread.
Traffic traffic();

}  // namespace unroll
