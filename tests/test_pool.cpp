#include "unroll/detail/autograd/base/pool.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "arrays.hpp"
#include "unroll/autograd/functions.hpp"

using namespace unroll;
using unroll::detail::Block;
using unroll::detail::Ref;

TEST_CASE("pool: blocks are aligned to 64 bytes, hold what was asked for, and are reused") {
  const std::size_t before = pool_stats().in_use;
  for (std::size_t bytes : {0, 1, 63, 64, 65, 100, 1000, 4096, 100000, 3000000, 50000000}) {
    CAPTURE(bytes);
    void* first = nullptr;
    {
      const Ref<Block> block(Block::allocate(bytes));
      first = block->data();
      CHECK(reinterpret_cast<std::uintptr_t>(first) % 64 == 0);
      CHECK(pool_stats().in_use >= before + bytes);
      CHECK(pool_stats().in_use <= before + bytes + bytes / 4 + 192);  // four classes to a power of two
      std::memset(first, 1, bytes);
    }
    CHECK(pool_stats().in_use == before);
    const Ref<Block> again(Block::allocate(bytes));
    CHECK(again->data() == first);
  }
}

TEST_CASE("pool: more bytes than a machine can have are refused") {
  for (std::size_t bytes = 16; bytes <= 512;
       bytes += 16)  // small objects that are free must not be taken for blocks
    unroll::detail::free_object(unroll::detail::allocate_object(bytes));
  const std::size_t before = pool_stats().in_use;
  for (int quarters = 4 * 49; quarters < 4 * 62; ++quarters) {
    const std::size_t power = std::size_t{1} << (quarters / 4);
    CHECK_THROWS_AS(Block::allocate(power + power / 4 * static_cast<std::size_t>(quarters % 4)), Error);
  }
  CHECK(pool_stats().in_use == before);
}

TEST_CASE("pool: live blocks never overlap") {
  std::vector<Ref<Block>> blocks;
  tests::Random random(1);
  for (int k = 0; k < 2000; ++k) {
    const auto bytes = static_cast<std::size_t>(random.below(5000));
    Ref<Block> block(Block::allocate(bytes));
    std::memset(block->data(), k % 251, bytes);
    if (blocks.size() > 100) blocks[static_cast<std::size_t>(random.below(100))] = {};
    blocks.push_back(std::move(block));
    blocks.back()->version = static_cast<std::uint32_t>(bytes);
  }
  for (std::size_t k = 0; k < blocks.size(); ++k) {
    if (!blocks[k]) continue;
    const auto* data = static_cast<const unsigned char*>(blocks[k]->data());
    for (std::uint32_t i = 0; i < blocks[k]->version; ++i) REQUIRE(data[i] == k % 251);
  }
}

TEST_CASE("pool: the peak is remembered until it is reset") {
  reset_pool_peak();
  const std::size_t before = pool_stats().in_use;
  { const Ref<Block> block(Block::allocate(1 << 20)); }
  CHECK(pool_stats().peak >= before + (1 << 20));
  reset_pool_peak();
  CHECK(pool_stats().peak == pool_stats().in_use);
}

TEST_CASE("pool: blocks freed by another thread come back to the thread that made them") {
  constexpr std::size_t bytes = 12345;
  { const Ref<Block> warm(Block::allocate(bytes)); }
  const std::uint64_t system = pool_stats().system_allocations;
  for (int round = 0; round < 200; ++round) {
    std::vector<Ref<Block>> blocks;
    for (int k = 0; k < 20; ++k) blocks.emplace_back(Block::allocate(bytes));
    std::thread([&] { blocks.clear(); }).join();
  }
  // One chunk at most: without reuse 4,000 blocks would take 50 MB.
  CHECK(pool_stats().system_allocations <= system + 1);
}

TEST_CASE("pool: what another thread freed counts as in use until this one takes it back") {
  constexpr std::size_t bytes = 5000000;
  const auto allocate_ten = [] {
    std::vector<Ref<Block>> blocks;
    for (int k = 0; k < 10; ++k) blocks.emplace_back(Block::allocate(bytes));
  };
  allocate_ten();  // of these there were none: it takes back what other tests have freed
  const std::size_t before = pool_stats().in_use;
  Ref<Block> block(Block::allocate(bytes));
  std::thread([&] { block = {}; }).join();
  CHECK(pool_stats().in_use >= before + bytes);
  allocate_ten();  // nine are free
  CHECK(pool_stats().in_use == before);
}

TEST_CASE("pool: blocks outlive the thread that made them, and its memory is handed on") {
  Ref<Block> kept;
  const auto work = [&kept] {
    kept = Ref<Block>(Block::allocate(1000));
    std::memset(kept->data(), 42, 1000);
  };
  std::thread(work).join();
  CHECK(static_cast<const unsigned char*>(kept->data())[999] == 42);
  kept = {};
  std::uint64_t first = 0, last = 0;
  for (int k = 0; k < 50; ++k) {
    std::thread([&] {
      const Ref<Block> block(Block::allocate(1000));
      (k == 0 ? first : last) = pool_stats().system_allocations;
    }).join();
  }
  CHECK(last == first);
}

TEST_CASE("pool: Variables may be freed on another thread and after their own has ended") {
  Variable<float> kept;
  std::thread([&] {
    const auto x = tests::random_parameter<float>({100}, 1);
    kept = Variable<float>(tanh(x) * 2.0).detach();
  }).join();
  CHECK(kept.size() == 100);
  std::thread([moved = std::move(kept)]() mutable { moved = {}; }).join();
}
