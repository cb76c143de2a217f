/// \file Products in bfloat16 by float32's multiply-adds: a product of two bfloat16 is exact in float32.

#include <cstring>

#include "unroll/detail/autograd/gemm/bfloat16_kernels.hpp"
#include "unroll/detail/autograd/gemm/bfloat16_rounding.hpp"
#include "unroll/detail/autograd/gemm/kernel.hpp"

namespace unroll::blas::bfloat16 {
namespace {

using FloatTile = kernel::Tile<float>;

void round_to(const float* from, index_t count, float* to) {
  for (index_t j = 0; j < count; ++j) to[j] = bfloat16_of(from[j]);
}

#if !defined(__FMA__) && !defined(__AVX512F__) && !defined(__aarch64__)
#define UNROLL_BFLOAT16_WITHOUT_FMA 1
/// In double, which holds the products, whatever their exponent; its sum has more than twice the digits of float, so that
/// rounding twice is rounding once.
/// Source: Figueroa, When is double rounding innocuous?, 1995.
void run_in_double(index_t count, index_t panels, index_t width, const Job<float>& job) {
  constexpr index_t cols = FloatTile::cols;
  const index_t k = 2 * job.pairs;
  for (index_t r = 0; r < count; ++r) {
    for (index_t p = 0; p < panels; ++p) {
      float sums[cols] = {};
      for (index_t i = 0; i < k; ++i) {
        const double x = job.by_rows ? job.x[r * job.ldx + i] : job.x[i * count + r];
        const float* const w = job.w + p * job.panel + i * cols;
        for (index_t j = 0; j < cols; ++j) sums[j] = static_cast<float>(double{sums[j]} + x * double{w[j]});
      }
      float* const y = job.y + r * job.ldy + p * cols;
      for (index_t j = 0; j < (panels == 1 ? width : cols); ++j) y[j] = job.add ? y[j] + sums[j] : sums[j];
    }
  }
}
#endif

}  // namespace

const index_t Emulation::cols = FloatTile::cols, Emulation::rows = FloatTile::rows,
              Emulation::flat_rows = FloatTile::flat_rows, Emulation::row_panels = FloatTile::row_panels;

void Emulation::combine(const float* even, const float* odd, index_t count, float* to, index_t pitch) {
  if (odd)
    round_to(odd, count, to);
  else
    std::fill_n(to, count, 0.0f);
  round_to(even, count, to + pitch);
}

void Emulation::convert(const float* from, index_t k, float* to) {
  for (index_t p = 0; p < k / 2; ++p) {  // both in one word, which is turned by half
    std::uint64_t both;
    std::memcpy(&both, from + 2 * p, 8);
    const std::uint64_t even = bfloat16_bits(static_cast<std::uint32_t>(both)),
                        odd = bfloat16_bits(static_cast<std::uint32_t>(both >> 32));
    both = even << 32 | odd;
    std::memcpy(to + 2 * p, &both, 8);
  }
  if (k % 2 == 0) return;
  to[k - 1] = 0;
  to[k] = bfloat16_of(from[k - 1]);
}

void Emulation::run(index_t count, index_t panels, index_t width, const Job<float>& job) {
#ifdef UNROLL_BFLOAT16_WITHOUT_FMA
  run_in_double(count, panels, width, job);
#else
  const kernel::Job<float> same{.k = 2 * job.pairs,
                                .x = job.x,
                                .ldx = job.ldx,
                                .by_rows = job.by_rows,
                                .w = job.w,
                                .panel = job.panel,
                                .ahead = job.ahead,
                                .pace = job.pace * kernel::steps / 8,
                                .add = job.add,
                                .y = job.y,
                                .ldy = job.ldy};
  if (panels == 1 && width < FloatTile::cols) return kernel::run_part(count, width, same);
  if (panels == 1) return kernel::run_rows<float, 1>(count, same);
  if (panels == 2) return kernel::run_rows<float, 2>(count, same);
  kernel::run_rows<float, FloatTile::row_panels>(1, same);
#endif
}

}  // namespace unroll::blas::bfloat16
