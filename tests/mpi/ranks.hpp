#pragma once
/// \file What the tests of the room mpi share.

#include <cstdint>
#include <cstring>
#include <vector>

#include "unroll/mpi/communicator.hpp"

namespace unroll::tests {

/// So long a test waits for another rank before it fails: longer than any pause of a busy machine.
inline constexpr mpi::CommunicatorOptions patient{.watchdog_seconds = 60};

/// The message of the E that f throws, of a PeerError without whether it tells; empty if it throws none.
template <class E, class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const E& e) {
    return e.what();
  }
  return {};
}

/// Equal to the bit.
template <class T>
bool same_bits(const std::vector<T>& a, const std::vector<T>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(T)) == 0;
}

/// The sum of what leaf(k) gives for k in [0, n), elementwise along the tree that the library's contract describes: halves of
/// a power of two, as a recursion.
template <class F>
auto tree_sum(int begin, int size, int n, F&& leaf) -> decltype(leaf(0)) {
  if (size == 1) return leaf(begin);
  auto left = tree_sum(begin, size / 2, n, leaf);
  if (begin + size / 2 >= n) return left;
  const auto right = tree_sum(begin + size / 2, size / 2, n, leaf);
  for (std::size_t k = 0; k < left.size(); ++k) left[k] += right[k];
  return left;
}
template <class F>
auto tree_sum(int n, F&& leaf) {
  int size = 1;
  while (size < n) size *= 2;
  return tree_sum(0, size, n, leaf);
}

}  // namespace unroll::tests
