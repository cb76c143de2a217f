#pragma once
/// \file Memory that runs out: the n-th `operator new` of a thread throws.

namespace unroll::tests {

/// While it lives, the n-th allocation of this thread from here on, counted from 1, throws std::bad_alloc, or gives
/// null where it must not throw; the others succeed.
class FailingAllocation {
 public:
  explicit FailingAllocation(long n);
  ~FailingAllocation();
  FailingAllocation(const FailingAllocation&) = delete;
  FailingAllocation& operator=(const FailingAllocation&) = delete;

  /// Whether it has thrown.
  bool thrown() const;
};

}  // namespace unroll::tests
