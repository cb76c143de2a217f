#pragma once  // internal
/// \file The memory pool: size classes per thread; a steady training step takes nothing from the system.

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "unroll/autograd/pool_stats.hpp"

namespace unroll::detail {

class Pool;

/// A reference-counted piece of memory: this header, then the data, 64-byte aligned.
/// Thread rule: counts are not atomic; a block may be freed on another thread than its own.
struct alignas(64) Block {
  Pool* owner;
  Block* next;
  std::uint32_t refs;
  std::uint32_t size_class;
  std::uint32_t version;  ///< counts changes of the values by update()
  std::size_t bytes;

  void* data() { return this + 1; }
  static Block* allocate(std::size_t bytes);
  static void free(Block* block);
  void add_ref() { ++refs; }
  void release() {
    if (--refs == 0) free(this);
  }
};

/// Intrusive pointer to anything with add_ref() and release().
template <class X>
class Ref {
 public:
  Ref() = default;
  explicit Ref(X* p) : p_(p) {
    if (p_) p_->add_ref();
  }
  Ref(const Ref& other) : Ref(other.p_) {}
  Ref(Ref&& other) noexcept : p_(std::exchange(other.p_, nullptr)) {}
  Ref& operator=(Ref other) noexcept {
    std::swap(p_, other.p_);
    return *this;
  }
  ~Ref() {
    if (p_) p_->release();
  }
  void reset() {
    if (X* const p = std::exchange(p_, nullptr)) p->release();
  }
  X* get() const { return p_; }
  X* operator->() const { return p_; }
  X& operator*() const { return *p_; }
  explicit operator bool() const { return p_ != nullptr; }

 private:
  X* p_ = nullptr;
};

/// Memory for tensors' and nodes' own fields, from the same pool.
void* allocate_object(std::size_t bytes);
void free_object(void* object);

/// A vector whose elements live in the pool.
template <class X>
struct PoolAllocator {
  using value_type = X;
  PoolAllocator() = default;
  template <class Y>
  PoolAllocator(const PoolAllocator<Y>&) {}
  X* allocate(std::size_t n) { return static_cast<X*>(allocate_object(n * sizeof(X))); }
  void deallocate(X* p, std::size_t) { free_object(p); }
  bool operator==(const PoolAllocator&) const { return true; }
};
template <class X>
using PoolVector = std::vector<X, PoolAllocator<X>>;

}  // namespace unroll::detail
