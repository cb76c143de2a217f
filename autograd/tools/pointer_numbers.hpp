#pragma once  // internal
/// \file Numbers for pointers: a small hash table that is emptied and filled again and again.

#include <algorithm>
#include <cstdint>
#include <vector>

namespace unroll::detail {

class PointerNumbers {
 public:
  static constexpr int none = -1;
  /// The number of p; `number`, if it had none.
  int find_or_add(const void* p, int number) {
    Slot& slot = slots_[slot_of(p)];
    if (slot.key) return slot.number;
    slot = {p, number};
    if (++used_ * 2 > slots_.size()) grow();
    return number;
  }
  /// The number of p, or none.
  int find(const void* p) const { return slots_[slot_of(p)].number; }
  void clear() {
    if (used_ > 0) std::fill(slots_.begin(), slots_.end(), Slot{});
    used_ = 0;
  }

 private:
  struct Slot {
    const void* key = nullptr;
    int number = none;
  };
  std::size_t slot_of(const void* p) const {
    const std::size_t mask = slots_.size() - 1;
    const auto bits = reinterpret_cast<std::uintptr_t>(p) >> 4;
    for (std::size_t at = (bits ^ bits >> 7) & mask;; at = (at + 1) & mask)
      if (!slots_[at].key || slots_[at].key == p) return at;
  }
  void grow() {
    std::vector<Slot> all(2 * slots_.size());
    all.swap(slots_);
    for (const Slot& slot : all)
      if (slot.key) slots_[slot_of(slot.key)] = slot;
  }

  std::vector<Slot> slots_ = std::vector<Slot>(64);  // a power of two, at least half of them free
  std::size_t used_ = 0;
};

}  // namespace unroll::detail
