/// \file Products in bfloat16 by vdpbf16ps. The functions that use it are compiled for it whatever the build is for, and
/// called where the processor has it.

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "unroll/detail/autograd/gemm/bfloat16_kernels.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"

#if defined(__x86_64__) && \
    ((defined(__clang__) && __clang_major__ >= 12) || (!defined(__clang__) && __GNUC__ >= 11))
#define UNROLL_HAVE_BFLOAT16_INSTRUCTION 1
#include <immintrin.h>
#endif

namespace unroll::blas::bfloat16 {

void Instruction::combine(const float* even, const float* odd, index_t count, std::uint32_t* to, index_t) {
  for (index_t j = 0; j < count; ++j) {
    std::uint32_t low, high = 0;
    std::memcpy(&low, even + j, 4);
    if (odd) std::memcpy(&high, odd + j, 4);
    to[j] = bfloat16_bits(high) | bfloat16_bits(low) >> 16;
  }
}

void Instruction::convert(const float* from, index_t k, std::uint32_t* to) {
  for (index_t p = 0; p < k / 2; ++p) {
    std::uint64_t both;
    std::memcpy(&both, from + 2 * p, 8);
    to[p] = bfloat16_bits(static_cast<std::uint32_t>(both >> 32)) |
            bfloat16_bits(static_cast<std::uint32_t>(both)) >> 16;
  }
  if (k % 2 != 0) combine(from + k - 1, nullptr, 1, to + k / 2, 0);
}

#ifdef UNROLL_HAVE_BFLOAT16_INSTRUCTION

namespace {

#define UNROLL_BFLOAT16_TARGET __attribute__((target("avx512f,avx512bw,avx512vl,avx512bf16")))

/// R rows by P panels. Its sums are chains over the pairs in order, added to y at the end, as the float kernel's.
template <int R, int P, bool by_rows>
UNROLL_BFLOAT16_TARGET void run_pairs(const Job<std::uint32_t>& job) {
  constexpr int lanes = 16, cols = 2 * lanes, V = 2 * P;
  __m512 sums[R][V];
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) sums[r][v] = _mm512_setzero_ps();
  }
  constexpr int groups = by_rows ? (R + 2) / 3 : 1;
  const index_t ldx = job.ldx, panel = job.panel, pace = job.pace;
  const std::uint32_t* x[groups];
#pragma GCC unroll 16
  for (int g = 0; g < groups; ++g) x[g] = job.x + 3 * g * ldx;
  const std::uint32_t *w = job.w, *const end = job.w + job.pairs * cols;
  const char* ahead = reinterpret_cast<const char*>(job.ahead);
  for (; w < end; w += cols) {
    if constexpr (P == 1) {
      __builtin_prefetch(ahead, 0, 2);
      if (pace > 64) __builtin_prefetch(ahead + 64, 0, 2);
      ahead += pace;
    }
    __m512i b[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) b[v] = _mm512_loadu_si512(w + (v / 2) * panel + (v % 2) * lanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const std::uint32_t both = by_rows ? x[r / 3 % groups][(r % 3) * ldx] : x[0][r];
      const __m512i xr = _mm512_set1_epi32(static_cast<int>(both));
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sums[r][v] = _mm512_dpbf16_ps(sums[r][v], (__m512bh)xr, (__m512bh)b[v]);
    }
#pragma GCC unroll 16
    for (int g = 0; g < groups; ++g) x[g] += by_rows ? 1 : R;
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      float* const to = job.y + r * job.ldy + v * lanes;
      if (job.add) sums[r][v] = _mm512_add_ps(sums[r][v], _mm512_loadu_ps(to));
      _mm512_storeu_ps(to, sums[r][v]);
    }
  }
}

template <int P>
void run_pairs_of(index_t count, const Job<std::uint32_t>& job) {
  constexpr int most = P == 1 ? Instruction::rows : P == 2 ? Instruction::flat_rows : 1;
  static constexpr auto tiles = []<int... Row>(std::integer_sequence<int, Row...>) {
    return std::array<std::array<void (*)(const Job<std::uint32_t>&), 2>, most>{
        {{&run_pairs<Row + 1, P, false>, &run_pairs<Row + 1, P, true>}...}};
  }
  (std::make_integer_sequence<int, most>{});
  tiles[static_cast<std::size_t>(count - 1)][job.by_rows](job);
}

/// A last panel of which only the first `width` columns exist in y.
void run_partly(index_t count, index_t width, Job<std::uint32_t> job) {
  float part[Instruction::rows * Instruction::cols] = {};
  float* const y = std::exchange(job.y, part);
  const index_t ldy = std::exchange(job.ldy, Instruction::cols);
  if (job.add) {
    for (index_t r = 0; r < count; ++r) std::copy_n(y + r * ldy, width, part + r * Instruction::cols);
  }
  run_pairs_of<1>(count, job);
  for (index_t r = 0; r < count; ++r) std::copy_n(part + r * Instruction::cols, width, y + r * ldy);
}

}  // namespace

bool Instruction::is_supported() {
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl");
}

void Instruction::run(index_t count, index_t panels, index_t width, const Job<std::uint32_t>& job) {
  if (panels == 1 && width < cols) return run_partly(count, width, job);
  if (panels == 1) return run_pairs_of<1>(count, job);
  if (panels == 2) return run_pairs_of<2>(count, job);
  run_pairs_of<static_cast<int>(row_panels)>(1, job);
}

#else

bool Instruction::is_supported() { return false; }
void Instruction::run(index_t, index_t, index_t, const Job<std::uint32_t>&) {}

#endif

}  // namespace unroll::blas::bfloat16
