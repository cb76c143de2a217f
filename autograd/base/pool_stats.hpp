#pragma once
/// \file How much memory the library holds.

#include <cstddef>
#include <cstdint>

namespace unroll {

/// What the calling thread's pool holds, in bytes, and how often it had to ask the system for memory. A thread that ends
/// leaves its pool, with these figures, to one that begins later: compare two of them, taken on one thread.
struct PoolStats {
  std::size_t in_use =
      0;  ///< by Variables and the tape, and by what other threads freed and this one did not take back yet
  std::size_t peak = 0;                  ///< largest in_use since the last reset_pool_peak()
  std::size_t reserved = 0;              ///< taken from the system; kept for reuse until the process ends
  std::uint64_t system_allocations = 0;  ///< since the pool was made
};
/// Those of the calling thread's pool.
PoolStats pool_stats();
/// Makes `peak` what is in use now.
void reset_pool_peak();

}  // namespace unroll
