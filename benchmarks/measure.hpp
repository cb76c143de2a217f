#pragma once
/// \file Timing of one workload, and the machine's own limit for products measured beside it.

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "unroll/autograd/pool_stats.hpp"
#include "unroll/detail/autograd/gemm/gemm.hpp"

namespace bench {

struct Result {
  std::string name;
  double median = 0, p10 = 0, p90 = 0;  ///< ms
  std::size_t iterations = 0;
  double rate = 0;  ///< units per second
  const char* unit = "";
  double gflops = 0;  ///< of the products the workload asks for, 10⁹/s
  double peak_mib = 0;
  double allocations = 0;  ///< by the pool from the system, per step, after warming up
};

template <class F>
double milliseconds(F&& f) {
  const auto start = std::chrono::steady_clock::now();
  f();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

/// Runs `step` for about `seconds` and `least` times or more; `units` things are done and `flops` operations
/// asked for in each.
template <class F>
Result measure(std::string name, F&& step, double units, const char* unit, double flops, double seconds,
               std::size_t least = 10) {
  for (std::size_t i = 0; i < std::min<std::size_t>(3, least); ++i) step();
  unroll::reset_pool_peak();
  const auto before = unroll::pool_stats().system_allocations;
  std::vector<double> ms;
  for (double total = 0; ms.size() < least || total < seconds * 1e3; total += ms.back())
    ms.push_back(milliseconds(step));
  const auto stats = unroll::pool_stats();
  std::sort(ms.begin(), ms.end());
  const std::size_t n = ms.size();
  return {std::move(name),
          ms[n / 2],
          ms[n / 10],
          ms[n * 9 / 10],
          n,
          units / ms[n / 2] * 1e3,
          unit,
          flops / ms[n / 2] / 1e6,
          static_cast<double>(stats.peak) / (1 << 20),
          static_cast<double>(stats.system_allocations - before) / static_cast<double>(n)};
}

/// The rate of a large square product, in GFLOP/s.
template <class T>
double product_limit() {
  constexpr std::ptrdiff_t n = 1536;
  const std::vector<T> a(n * n, T{1}), b(n * n, T{1});
  std::vector<T> c(n * n);
  double best = 1e30;
  for (int i = 0; i < 5; ++i) {
    best = std::min(best, milliseconds([&] {
                      using unroll::blas::Trans;
                      unroll::blas::gemm<T>(Trans::no, Trans::no, n, n, n, T{1}, a.data(), n, b.data(), n,
                                            T{0}, c.data(), n);
                    }));
  }
  return 2.0 * n * n * n / best / 1e6;
}

}  // namespace bench
