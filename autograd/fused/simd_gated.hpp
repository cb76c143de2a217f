#pragma once  // internal
/// \file silu, gelu's form with tanh, and mish for a block of numbers: x times a gate between 0 and 1, whose small values
/// keep their digits.

#include "unroll/detail/autograd/fused/simd_erf.hpp"
#include "unroll/detail/autograd/fused/simd_squash.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {
namespace num {

/// x / (1 + e^∓v) for v ≥ 0 and the sign of x.
template <class T>
UNROLL_INLINE Batch<T> gated(Batch<T> x, Long<T> v) {
  using Num = Batch<T>;
  const Num one(T{1}), zero(T{0}), most(T{1000});
  const Mask<T> negative = x < zero;
  const ExpParts<T> parts = decay(v.high);
  const Num e = fnma(one + parts.rest, v.low, one + parts.rest);
  const Num a = xsimd::select(negative, xsimd::max(-most, x) * e, x);
  const Num y = scaled(quotient(a, one, scaled(e, parts.n)), xsimd::select(negative, parts.n, zero));
  return xsimd::select(x > most, x, y | (x & Num(-T{0})));
}

/// x / (1 + e⁻ˣ). Error: 4 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> silu(Batch<T> x) {
  return gated(x, Long<T>{xsimd::abs(x), Batch<T>(T{0})});
}

/// 2 √(2/π) and that times 0.044715, twice as long as a number.
template <class T>
struct GeluNumbers;
template <>
struct GeluNumbers<float> {
  static constexpr float first[] = {0x1.988454p+0f, -0x1.857936p-25f},
                         third[] = {0x1.2444f2p-4f, 0x1.49b16ap-29f};
};
template <>
struct GeluNumbers<double> {
  static constexpr double first[] = {0x1.9884533d43651p+0, -0x1.cbc0d30ebfd15p-54},
                          third[] = {0x1.2444f2a4d8b4bp-4, -0x1.6c843a29d1c70p-61};
};

/// x σ(2 √(2/π) (x + 0.044715 x³)). Error: 4 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> gelu_tanh(Batch<T> x) {
  using Num = Batch<T>;
  using C = GeluNumbers<T>;
  const Num a = size_up_to_40(x), first(C::first[0]), third(C::third[0]);
  const Long<T> square = product(a, a), cube = product(third, square.high);
  const Num w = first + cube.high, shift = w - first;  // first + third a², and what is rounded off
  const Num rest = ((first - (w - shift)) + (cube.high - shift)) + Num(C::first[1]) +
                   (cube.low + third * square.low + Num(C::third[1]) * square.high);
  const Long<T> v = product(a, w);
  return gated(x, Long<T>{v.high, v.low + a * rest});
}

/// x tanh(ln(1 + eˣ)), of e = e^−|x|: x (1 + 2 e) / (1 + 2 e + 2 e²) or x e (2 + e) / (2 + e (2 + e)). Error: 5 units in
/// the last place at most.
template <class T>
UNROLL_INLINE Batch<T> mish(Batch<T> x) {
  using Num = Batch<T>;
  const Num one(T{1}), two(T{2}), zero(T{0});
  const Mask<T> negative = x < zero;
  const ExpParts<T> parts = decay(xsimd::abs(x));
  const Num power = one + parts.rest, e = scaled(power, parts.n), p = e * (two + e), q = one + (e + e);
  const Num gate = xsimd::select(negative, two + e, q) / xsimd::select(negative, two + p, fma(e + e, e, q));
  const Num a = xsimd::select(negative, xsimd::max(Num(-T{1000}), x) * power, x);
  return scaled(a * gate, xsimd::select(negative, parts.n, zero));
}

}  // namespace num
}  // namespace UNROLL_ISA
}  // namespace unroll::detail
