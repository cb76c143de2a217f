#pragma once  // internal
/// \file eˣ for a block of numbers, right to the last unit over the whole range, denormal results included. xsimd's own
/// gives infinity below the largest finite result, and 0 for small ones.

#include <cstdint>
#include <iterator>
#include <limits>
#include <utility>

#include "unroll/detail/autograd/fused/simd.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {
namespace num {

/// What an exponential of T is made of.
template <class T>
struct ExpNumbers;
template <>
struct ExpNumbers<float> {
  using Bits = std::int32_t;
  static constexpr int mantissa = 23, bias = 127;
  static constexpr float to_integer =
      0x1.8p23f;  ///< added to a number, it leaves the nearest integer in the low bits
  static constexpr float log2_e = 0x1.715476p0f;
  static constexpr float ln2_high = 0x1.63p-1f, ln2_low = -0x1.bd0106p-13f;  ///< n ln2_high is exact
  static constexpr float lowest = -105.0f, highest = 89.0f;                  ///< e to these is 0 and infinity
  /// e^r − 1 = r + r² q(r): the minimax polynomial for the relative error, 1.3e-8, highest power first.
  static constexpr float q[] = {0.0013882516f, 0.0083665471f, 0.0416672007f, 0.1666654342f, 0.4999999815f};
};
template <>
struct ExpNumbers<double> {
  using Bits = std::int64_t;
  static constexpr int mantissa = 52, bias = 1023;
  static constexpr double to_integer = 0x1.8p52;
  static constexpr double log2_e = 0x1.71547652b82fep0;
  static constexpr double ln2_high = 0x1.62e42fefa38p-1, ln2_low = 0x1.ef35793c7673p-45;
  static constexpr double lowest = -746.0, highest = 710.0;
  /// Taylor's series: what is left out is 4e-18 of the result.
  static constexpr double q[] = {1.0 / 6227020800, 1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800,
                                 1.0 / 362880,     1.0 / 40320,     1.0 / 5040,     1.0 / 720,
                                 1.0 / 120,        1.0 / 24,        1.0 / 6,        1.0 / 2};
};

/// 2ⁿ for whole n between −bias, where it is 0, and bias + 1, where it is infinite.
template <class T>
UNROLL_INLINE Batch<T> power_of_two(Batch<T> n) {
  using C = ExpNumbers<T>;
  const Batch<T> rounded = n + Batch<T>(C::to_integer + C::bias);
  return bits_as<T>(bits_as<typename C::Bits>(rounded) << C::mantissa);
}

/// eˣ = 2ⁿ (1 + rest), with n = x / ln 2 rounded; −0.3 < rest < 0.42.
template <class T>
struct ExpParts {
  Batch<T> n, rest;
};
template <class T>
UNROLL_INLINE ExpParts<T> exp_parts(Batch<T> x) {
  using Num = Batch<T>;
  using C = ExpNumbers<T>;
  const Num n = fma(x, Num(C::log2_e), Num(C::to_integer)) - Num(C::to_integer);
  const Num r = fnma(n, Num(C::ln2_low), fnma(n, Num(C::ln2_high), x));
  Num q(C::q[0]);
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    ((q = fma(r, q, Num(C::q[K + 1]))), ...);
  }
  (std::make_index_sequence<std::size(C::q) - 1>{});
  return {n, fma(r * r, q, r)};
}

/// x 2ⁿ, rounded once.
template <class T>
UNROLL_INLINE Batch<T> scaled(Batch<T> x, Batch<T> n) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return _mm512_scalef_ps(x, n);
  else
    return _mm512_scalef_pd(x, n);
#else
  using C = ExpNumbers<T>;
  const Batch<T> half = fma(n, Batch<T>(T{0.5}), Batch<T>(C::to_integer)) - Batch<T>(C::to_integer);
  return x * power_of_two(half) * power_of_two(n - half);
#endif
}

/// eˣ. Error: 1 unit in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> exp(Batch<T> x) {
  using Num = Batch<T>;
  using C = ExpNumbers<T>;
  // In this order NaN stays NaN.
  const ExpParts<T> e = exp_parts(xsimd::min(Num(C::highest), xsimd::max(Num(C::lowest), x)));
  return scaled(Num(T{1}) + e.rest, e.n);
}

/// eˣ − 1. Error: 2 units in the last place at most. xsimd's is infinite below the largest finite result.
template <class T>
UNROLL_INLINE Batch<T> expm1(Batch<T> x) {
  using Num = Batch<T>;
  using C = ExpNumbers<T>;
  const ExpParts<T> e = exp_parts(xsimd::min(Num(C::highest), xsimd::max(Num(-T{50}), x)));  // NaN stays NaN
  const Num half(T{0.5}), scale = power_of_two(e.n - Num(T{1}));  // half of 2ⁿ, which may be infinite
  const Num y = fma(scale, e.rest, scale - half);
  return xsimd::select(xsimd::abs(x) < Num(std::numeric_limits<T>::epsilon() / 4), x, y + y);
}

}  // namespace num
}  // namespace UNROLL_ISA
}  // namespace unroll::detail
