#pragma once
/// \file What one training step takes, in numbers that do not depend on the machine.

#include <algorithm>
#include <map>
#include <string>

#include "unroll/autograd/pool_stats.hpp"
#include "unroll/autograd/products.hpp"
#include "unroll/autograd/tape_stats.hpp"
#include "unroll/autograd/traffic.hpp"
#include "unroll/autograd/variable.hpp"

namespace unroll::tests {

struct Counts {
  std::uint64_t nodes, packings, flops;
  std::uint64_t copied, zeroed, added;  ///< bytes
  std::uint64_t blocks;                 ///< that the pool gave out
  std::uint64_t walks;                  ///< over arrays that are not plain
  std::uint64_t from_system;            ///< what the pool asked for, in 21 steps
  std::uint64_t peak;                   ///< bytes beyond what was in use before
  std::map<blas::Product, int> products;

  int calls() const {
    return sum_if([](const blas::Product&) { return true; });
  }
  int packed() const {
    return sum_if([](const blas::Product& p) { return p.packed; });
  }
  int calls(index_t m, index_t n, index_t k) const {
    return sum_if([=](const blas::Product& p) { return p.m == m && p.n == n && p.k == k; });
  }
  /// All products, for messages.
  std::string text() const {
    std::string text;
    for (const auto& [p, n] : products)
      text += fmt::format("{} x ({} x {} x {}{}{})\n", n, p.m, p.k, p.n, p.packed ? ", packed" : "",
                          p.adds ? ", adds" : "");
    return text;
  }

 private:
  template <class F>
  int sum_if(F&& which) const {
    int sum = 0;
    for (const auto& [p, n] : products) sum += which(p) ? n : 0;
    return sum;
  }
};

/// Counts what `step` takes once memory and packed weights are there.
template <class T, class F>
Counts count(F&& step) {
  for (int i = 0; i < 3; ++i) step();
  const std::uint64_t system = pool_stats().system_allocations;
  for (int i = 0; i < 20; ++i) step();  // the pool asks for much at a time, and so seldom
  reset_pool_peak();
  const PoolStats pool = pool_stats();
  const Traffic moved = traffic();
  const blas::Counters done = blas::counters();
  const std::uint64_t nodes = tape_stats<T>().recorded;
  const blas::ProductLog log;
  step();
  const PoolStats pool_after = pool_stats();
  const Traffic moved_after = traffic();
  Counts c{.nodes = tape_stats<T>().recorded - nodes,
           .packings = blas::counters().packings - done.packings,
           .flops = blas::counters().flops - done.flops,
           .copied = moved_after.copied - moved.copied,
           .zeroed = moved_after.zeroed - moved.zeroed,
           .added = moved_after.added - moved.added,
           .blocks = moved_after.blocks - moved.blocks,
           .walks = moved_after.walks - moved.walks,
           .from_system = pool_after.system_allocations - system,
           .peak = pool_after.peak - pool.in_use,
           .products = {}};
  for (const blas::Product& p : log.products()) ++c.products[p];
  return c;
}

}  // namespace unroll::tests
