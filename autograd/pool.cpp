#include "autograd/pool.hpp"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <vector>

#include "autograd/error.hpp"
#include "autograd/traffic.hpp"

#if defined(__SANITIZE_ADDRESS__)
#define UNROLL_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define UNROLL_ASAN 1
#endif
#endif
#ifdef UNROLL_ASAN
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

namespace unroll::detail {
namespace {

constexpr std::size_t chunk_bytes = std::size_t{32} << 20;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr int class_count = 4 * 48;

// Four classes to each power of two from 64 bytes on: at most a quarter is lost.
int class_of(std::size_t bytes) {
  if (bytes <= 64) return 0;
  const int log2 = std::bit_width(bytes - 1) - 1;
  const std::size_t quarter = std::size_t{1} << (log2 - 2);
  const auto step = static_cast<int>((bytes - 1 - (std::size_t{1} << log2)) / quarter);
  return (log2 - 6) * 4 + step + 1;
}

std::size_t class_bytes(int c) {
  if (c == 0) return 64;
  const std::size_t base = std::size_t{64} << ((c - 1) / 4);
  const std::size_t bytes = base + base / 4 * ((c - 1) % 4 + 1);
  return (bytes + 63) / 64 * 64;
}

void* map_huge(std::size_t bytes) {
  const std::size_t padded = bytes + huge_page;
  void* p = mmap(nullptr, padded, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) fail<Error>("memory: the system has no {} bytes to give", bytes);
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  const std::uintptr_t aligned = (address + huge_page - 1) / huge_page * huge_page;
  madvise(reinterpret_cast<void*>(aligned), bytes, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

/// One thread's memory. Pools outlive their threads and are handed on, so that a block may be freed
/// anywhere and at any time.
class Pool {
 public:
  Block* allocate(std::size_t bytes) {
    const int c = class_of(bytes);
    Block* block = free_[c];
    if (!block) block = refill(c);
    free_[c] = block->next;
    ASAN_UNPOISON_MEMORY_REGION(block->data(), bytes);
    block->refs = 0;
    block->version = 0;
    stats_.in_use += block->bytes;
    current_traffic.blocks += 1;
    if (stats_.in_use > stats_.peak) stats_.peak = stats_.in_use;
    return block;
  }

  void free_local(Block* block) {
    stats_.in_use -= block->bytes;
    ASAN_POISON_MEMORY_REGION(block->data(), block->bytes - sizeof(Block));
    block->next = free_[block->size_class];
    free_[block->size_class] = block;
  }

  void free_remote(Block* block) {
    block->next = remote_.load(std::memory_order_relaxed);
    while (!remote_.compare_exchange_weak(block->next, block, std::memory_order_release)) {
    }
  }

  PoolStats stats_;

 private:
  Block* refill(int c) {
    for (Block* b = remote_.exchange(nullptr, std::memory_order_acquire); b;) {
      Block* next = b->next;
      free_local(b);
      b = next;
    }
    if (free_[c]) return free_[c];
    return carve(c);
  }

  Block* carve(int c) {
    const std::size_t bytes = class_bytes(c) + sizeof(Block);
    if (bytes > chunk_bytes / 8) return make(map(bytes), c, bytes);
    if (chunk_left_ < bytes) {
      chunk_ = static_cast<char*>(map(chunk_bytes));
      chunk_left_ = chunk_bytes;
    }
    void* p = chunk_;
    chunk_ += bytes;
    chunk_left_ -= bytes;
    return make(p, c, bytes);
  }

  void* map(std::size_t bytes) {
    void* p = map_huge(bytes);
    ++stats_.system_allocations;
    stats_.reserved += bytes;
    return p;
  }

  Block* make(void* p, int c, std::size_t bytes) {
    auto* block = new (p) Block{};
    block->owner = this;
    block->size_class = static_cast<std::uint32_t>(c);
    block->bytes = bytes;
    return block;
  }

  std::array<Block*, class_count> free_{};
  std::atomic<Block*> remote_{nullptr};
  char* chunk_ = nullptr;
  std::size_t chunk_left_ = 0;
};

namespace {

std::mutex idle_mutex;
std::vector<Pool*>& idle_pools() {
  static auto* pools = new std::vector<Pool*>;  // never destroyed: threads may end after main
  return *pools;
}

struct PoolLease {
  Pool* pool;
  PoolLease() {
    const std::lock_guard lock(idle_mutex);
    if (idle_pools().empty()) {
      pool = new Pool;
    } else {
      pool = idle_pools().back();
      idle_pools().pop_back();
    }
  }
  ~PoolLease();
};

thread_local Pool* current_pool = nullptr;

PoolLease::~PoolLease() {
  current_pool = nullptr;
  const std::lock_guard lock(idle_mutex);
  idle_pools().push_back(pool);
}

Pool& start_pool() {
  thread_local PoolLease lease;
  current_pool = lease.pool;
  return *current_pool;
}

Pool& local_pool() { return current_pool ? *current_pool : start_pool(); }

}  // namespace

Block* Block::allocate(std::size_t bytes) { return local_pool().allocate(bytes); }

void Block::free(Block* block) {
  if (block->owner == current_pool) {
    block->owner->free_local(block);
  } else {
    block->owner->free_remote(block);
  }
}

void* allocate_object(std::size_t bytes) { return Block::allocate(bytes)->data(); }
void free_object(void* object) { Block::free(static_cast<Block*>(object) - 1); }

}  // namespace unroll::detail

namespace unroll {

PoolStats pool_stats() { return detail::local_pool().stats_; }
void reset_pool_peak() { detail::local_pool().stats_.peak = detail::local_pool().stats_.in_use; }

}  // namespace unroll
