#pragma once  // internal
/// \file The length of a row, whatever the size of its elements.

#include "unroll/detail/autograd/ops/row_blocks.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {

/// √Σ (factor x)².
template <class T>
T root_of_squares(const T* x, index_t cols, T factor) {
  return std::sqrt(sum_blocks<T>(
      cols, [&](index_t j, index_t n) __attribute__((always_inline)) {
        const Batch<T> v = load_block(x + j, n) * Batch<T>(factor);
        return v * v;
      }));
}

/// Lengths between these have squares that neither overflow nor lose digits.
template <class T>
constexpr T small_norm = sizeof(T) == 4 ? T(1e-15) : T(1e-140);
template <class T>
constexpr T large_norm = T{1} / small_norm<T>;

/// √Σ x²; where squares would overflow or vanish, of x divided by a power of two near the largest.
template <class T>
T row_length(const T* x, index_t cols) {
  const T norm = root_of_squares(x, cols, T{1});
  if (norm > small_norm<T> && norm < large_norm<T>) return norm;
  const std::optional<int> exponent = common_exponent(x, cols);
  return exponent ? std::ldexp(root_of_squares(x, cols, std::ldexp(T{1}, -*exponent)), *exponent) : norm;
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
