#pragma once  // internal
/// \file tanh and the logistic function for a block of numbers: most of what a recurrent cell computes between its
/// products. xsimd's own tanh evaluates two formulas and takes twice as long.

#include "unroll/detail/autograd/fused/simd_exp.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {
namespace num {

#ifdef UNROLL_FMA
/// a / (whole + part), where whole is a power of two: the quotient y, and once more what remains of a, which is
/// a − whole · y − part · y. No sum is rounded on the way but where part is large, and y then near 1.
template <class T>
UNROLL_INLINE Batch<T> quotient(Batch<T> a, Batch<T> whole, Batch<T> part) {
  const Batch<T> inverse = Batch<T>(T{1}) / (whole + part), y = a * inverse;
  return fma(fnma(y, part, fnma(y, whole, a)), inverse, y);
}

/// tanh |x| = t / (t + 2), t = e^2|x| − 1. Error: 1.8 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> tanh(Batch<T> x) {
  using Num = Batch<T>;
  const Num sign = x & Num(-T{0}), a = xsimd::abs(x);
  const Num most(sizeof(T) == 4 ? T(18.1) : T(40));          // tanh of half of it is 1
  const ExpParts<T> e = exp_parts(xsimd::min(most, a + a));  // in this order NaN stays NaN
  const Num scale = power_of_two(e.n), t = fma(scale, e.rest, scale - Num(T{1}));
  return quotient(t, Num(T{2}), t) | sign;
}
#else
template <class T>
UNROLL_INLINE Batch<T> quotient(Batch<T> a, Batch<T> whole, Batch<T> part) {
  return a / (whole + part);
}

template <class T>
UNROLL_INLINE Batch<T> tanh(Batch<T> x) {
  return xsimd::tanh(x);
}
#endif

/// 1 / (1 + e⁻ˣ), from e = e^−|x|: 1 / (1 + e) or e / (1 + e). Error: 2 units in the last place at most (2.5 without
/// FMA instructions).
template <class T>
UNROLL_INLINE Batch<T> sigmoid(Batch<T> x) {
  using Num = Batch<T>;
  const Num one(T{1});
  const ExpParts<T> parts =
      exp_parts(xsimd::max(Num(ExpNumbers<T>::lowest), x | Num(-T{0})));  // NaN stays NaN
  const Num e = scaled(one + parts.rest, parts.n);
  return quotient(xsimd::select(x < Num(T{0}), e, one), one, e);
}

}  // namespace num
}  // namespace UNROLL_ISA
}  // namespace unroll::detail
