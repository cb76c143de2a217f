#include "unroll/detail/autograd/base/pool.hpp"

#include <sys/mman.h>

#include <array>
#include <atomic>
#include <bit>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/autograd/base/traffic_counts.hpp"

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
constexpr int class_count = 4 * 58 + 1;  // whatever number of bytes is asked for has one

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
  if (p == MAP_FAILED) raise<Error>("memory: the system has no {} bytes to give", bytes);
  const auto address = reinterpret_cast<std::uintptr_t>(p);
  const std::uintptr_t aligned = (address + huge_page - 1) / huge_page * huge_page;
  madvise(reinterpret_cast<void*>(aligned), bytes, MADV_HUGEPAGE);
  return reinterpret_cast<void*>(aligned);
}

}  // namespace

/// What precedes an object: 16 bytes, so that small objects lie close together.
struct Piece {
  std::uintptr_t owner_and_class;  ///< a Pool, whose address has six bits to spare
  Piece* next;

  static constexpr std::uintptr_t class_mask = 63;
  static constexpr std::size_t unit = 16, largest = 32 * unit;
  Pool* owner() const { return reinterpret_cast<Pool*>(owner_and_class & ~class_mask); }
  std::size_t size_class() const { return owner_and_class & class_mask; }
  void* object() { return this + 1; }
};

/// One thread's memory. Pools outlive their threads and are handed on, so that a block may be freed
/// anywhere and at any time.
class alignas(64) Pool {
 public:
  Block* allocate(std::size_t bytes) {
    const int c = class_of(bytes);
    Block* const block = free_[c];
    if (!block) [[unlikely]]
      return allocate_after_refill(bytes, c);
    free_[c] = block->next;
    ASAN_UNPOISON_MEMORY_REGION(block->data(), bytes);
    block->refs = 0;
    block->version = 0;
    count(block->bytes);
    return block;
  }

  /// An object of at most Piece::largest bytes, and at least one.
  void* allocate_piece(std::size_t bytes) {
    const std::size_t c = (bytes + Piece::unit - 1) / Piece::unit;
    Piece* const piece = free_pieces_[c];
    if (!piece) [[unlikely]]
      return allocate_after_refill(bytes, c);
    free_pieces_[c] = piece->next;
    ASAN_UNPOISON_MEMORY_REGION(piece->object(), bytes);
    count(sizeof(Piece) + c * Piece::unit);
    return piece->object();
  }

  void free_local(Piece* piece) {
    const std::size_t c = piece->size_class();
    stats_.in_use -= sizeof(Piece) + c * Piece::unit;
    ASAN_POISON_MEMORY_REGION(piece->object(), c * Piece::unit);
    piece->next = free_pieces_[c];
    free_pieces_[c] = piece;
  }

  void free_local(Block* block) {
    stats_.in_use -= block->bytes;
    ASAN_POISON_MEMORY_REGION(block->data(), block->bytes - sizeof(Block));
    block->next = free_[block->size_class];
    free_[block->size_class] = block;
  }

  void free_remote(Block* block) { push(remote_, block); }
  void free_remote(Piece* piece) { push(remote_pieces_, piece); }

  PoolStats stats_;

 private:
  void count(std::size_t bytes) {
    stats_.in_use += bytes;
    current_traffic.blocks += 1;
    if (stats_.in_use > stats_.peak) stats_.peak = stats_.in_use;
  }

  template <class X>
  static void push(std::atomic<X*>& list, X* x) {
    x->next = list.load(std::memory_order_relaxed);
    while (!list.compare_exchange_weak(x->next, x, std::memory_order_release)) {
    }
  }

  template <class X>
  void take_back(std::atomic<X*>& list) {
    for (X* x = list.exchange(nullptr, std::memory_order_acquire); x;) {
      X* next = x->next;
      free_local(x);
      x = next;
    }
  }

  // Apart, so that the usual way saves no register for them.
  [[gnu::noinline]] Block* allocate_after_refill(std::size_t bytes, int c) {
    take_back(remote_);
    if (!free_[c]) free_[c] = carve(c);
    return allocate(bytes);
  }
  [[gnu::noinline]] void* allocate_after_refill(std::size_t bytes, std::size_t c) {
    take_back(remote_pieces_);
    if (!free_pieces_[c]) free_pieces_[c] = carve_piece(c);
    return allocate_piece(bytes);
  }

  Piece* carve_piece(std::size_t c) {
    const std::size_t bytes = sizeof(Piece) + c * Piece::unit;
    if (piece_left_ < bytes) {
      piece_ = take_from_chunk(piece_bytes);
      piece_left_ = piece_bytes;
    }
    auto* piece = new (piece_) Piece{reinterpret_cast<std::uintptr_t>(this) | c, nullptr};
    piece_ += bytes;
    piece_left_ -= bytes;
    return piece;
  }

  Block* carve(int c) {
    const std::size_t bytes = class_bytes(c) + sizeof(Block);
    return make(bytes > chunk_bytes / 8 ? map(bytes) : take_from_chunk(bytes), c, bytes);
  }

  char* take_from_chunk(std::size_t bytes) {
    if (chunk_left_ < bytes) {
      chunk_ = static_cast<char*>(map(chunk_bytes));
      chunk_left_ = chunk_bytes;
    }
    chunk_left_ -= bytes;
    return std::exchange(chunk_, chunk_ + bytes);
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

  static constexpr std::size_t piece_bytes = std::size_t{64} << 10;  // cut into pieces together

  std::array<Block*, class_count> free_{};
  std::array<Piece*, Piece::largest / Piece::unit + 1> free_pieces_{};
  std::atomic<Block*> remote_{nullptr};
  std::atomic<Piece*> remote_pieces_{nullptr};
  char *chunk_ = nullptr, *piece_ = nullptr;
  std::size_t chunk_left_ = 0, piece_left_ = 0;
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

[[gnu::tls_model("initial-exec")]] thread_local constinit Pool* current_pool = nullptr;

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

Pool& local_pool() {
  if (!current_pool) [[unlikely]]
    return start_pool();
  return *current_pool;
}

}  // namespace

Block* Block::allocate(std::size_t bytes) { return local_pool().allocate(bytes); }

void Block::free(Block* block) {
  if (block->owner == current_pool) {
    block->owner->free_local(block);
  } else {
    block->owner->free_remote(block);
  }
}

namespace {

Piece* piece_of(void* object) { return static_cast<Piece*>(object) - 1; }

// Large objects are blocks: 64 bytes in front hold a Piece of class 0.
void* allocate_large(std::size_t bytes) {
  auto* const data = static_cast<char*>(Block::allocate(bytes + alignof(Block))->data());
  void* const object = data + alignof(Block);
  new (piece_of(object)) Piece{0, nullptr};
  return object;
}

}  // namespace

void* allocate_object(std::size_t bytes) {
  if (bytes > Piece::largest) return allocate_large(bytes);
  return local_pool().allocate_piece(bytes > 0 ? bytes : 1);
}

void free_object(void* object) {
  Piece* piece = piece_of(object);
  if (piece->size_class() == 0) {
    Block::free(reinterpret_cast<Block*>(static_cast<char*>(object) - alignof(Block)) - 1);
  } else if (piece->owner() == current_pool) {
    piece->owner()->free_local(piece);
  } else {
    piece->owner()->free_remote(piece);
  }
}

}  // namespace unroll::detail

namespace unroll {

PoolStats pool_stats() { return detail::local_pool().stats_; }
void reset_pool_peak() { detail::local_pool().stats_.peak = detail::local_pool().stats_.in_use; }

}  // namespace unroll
