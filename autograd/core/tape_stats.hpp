#pragma once
/// \file The size of the tape.

#include <cstddef>
#include <cstdint>

namespace unroll {

/// Nodes of a thread's tape.
struct TapeStats {
  std::size_t live = 0;        ///< nodes that it holds
  std::uint64_t recorded = 0;  ///< since the thread began
};
/// Those of the calling thread, for ops on Variable<T>.
template <class T>
TapeStats tape_stats();

}  // namespace unroll
