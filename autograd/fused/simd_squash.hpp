#pragma once  // internal
/// \file tanh and the logistic function for a block of floats: most of what a recurrent cell computes between
/// its products. xsimd's own tanh evaluates two formulas and takes twice as long.

#include <cstdint>

#include "unroll/detail/autograd/fused/simd.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {
namespace num {

/// eˣ = scale · (1 + rest), with scale = 2ⁿ, n = x / ln 2 rounded, from −127, where scale is 0, to 128, where
/// it is infinite; −0.3 < rest < 0.42.
struct ExpParts {
  Batch<float> scale, rest;
};
UNROLL_INLINE ExpParts exp_parts(Batch<float> x) {
  using Num = Batch<float>;
  // x / ln 2, rounded by a number so large that its last bit counts ones; that is where the exponent comes
  // from, too.
  const Num round(0x1.8p23f + 127);
  const Num rounded = xsimd::fma(x, Num(0x1.715476p0f), round);
  const Num n = rounded - round;
  const Num scale = bits_as<float>(bits_as<std::int32_t>(rounded) << 23);
  // r = x − n ln 2 in two steps, the first of which is exact; e^r − 1 = r + r² q(r), where q is the minimax
  // polynomial for the relative error, 1.3e-8.
  const Num r = xsimd::fnma(n, Num(-0x1.bd0106p-13f), xsimd::fnma(n, Num(0x1.63p-1f), x));
  Num q = xsimd::fma(r, Num(0.0013882516f), Num(0.0083665471f));
  q = xsimd::fma(r, q, Num(0.0416672007f));
  q = xsimd::fma(r, q, Num(0.1666654342f));
  q = xsimd::fma(r, q, Num(0.4999999815f));
  return {scale, xsimd::fma(r * r, q, r)};
}

#if defined(__FMA__) && !(defined(__clang__) && defined(__AVX512F__))  // where xsimd::fma rounds once
/// tanh |x| = t / (t + 2), t = e^2|x| − 1. Error: 1.9 units in the last place at most (1.8 at -O3).
UNROLL_INLINE Batch<float> tanh(Batch<float> x) {
  using Num = Batch<float>;
  const Num sign = x & Num(-0.0f), a = xsimd::abs(x);
  const ExpParts e = exp_parts(xsimd::min(Num(18.1f), a + a));  // in this order NaN stays NaN
  const Num t = xsimd::fma(e.scale, e.rest, e.scale - Num(1.0f));
  // The quotient once more with what the sum and the division have lost.
  const Num d = t + Num(2.0f), lost = t - (d - Num(2.0f)), inverse = Num(1.0f) / d, y = t * inverse;
  const Num missing = xsimd::fnma(y, lost, xsimd::fnma(y, d, t));
  return xsimd::fma(missing, inverse, y) | sign;
}
#else
UNROLL_INLINE Batch<float> tanh(Batch<float> x) { return xsimd::tanh(x); }
#endif

/// 1 / (1 + e⁻ˣ). Error: 2.5 units in the last place at most, where it is a normal number; 0 below −88.38.
UNROLL_INLINE Batch<float> sigmoid(Batch<float> x) {
  using Num = Batch<float>;
  const ExpParts e = exp_parts(xsimd::min(Num(89.0f), xsimd::max(Num(-88.0f), -x)));
  // 1 + rest first: an infinite scale times a negative rest would make NaN of the sum.
  return Num(1.0f) / xsimd::fma(e.scale, Num(1.0f) + e.rest, Num(1.0f));
}

}  // namespace num
}  // namespace UNROLL_ISA
}  // namespace unroll::detail
