#pragma once  // internal
/// \file The error function and its complement for a block of numbers, and what gelu is made of. xsimd's own give NaN for
/// large arguments, and its erfc loses its digits as it vanishes.

#include "unroll/detail/autograd/fused/simd_exp.hpp"

namespace unroll::detail {
inline namespace UNROLL_ISA {
namespace num {

/// The polynomials, highest power first.
template <class T>
struct ErfNumbers;
template <>
struct ErfNumbers<float> {
  /// erf(x) / x − 1 in x² for |x| < 7/8.
  static constexpr float near[] = {8.690368907e-5f, -8.214570887e-4f, 5.207048911e-3f, -0.02686170583f,
                                   0.1128373521f,   -0.3761263621f,   0.1283791669f};
  /// (t + 3) e^(t²) erfc(t) in (t − 3) / (t + 3) for t ≥ 0.
  static constexpr float far[] = {-1.068632147e-5f, 1.963095192e-5f, 9.989217933e-5f,  -2.649144636e-4f,
                                  -5.439258933e-4f, 3.027355092e-3f, -1.213662086e-3f, -0.02682533953f,
                                  0.1195279148f,    -0.3104674948f,  0.5902283517f,    -0.8833944449f,
                                  1.074006907f};
};
template <>
struct ErfNumbers<double> {
  static constexpr double near[] = {6.62778613507142315e-11, -1.17126416831927513e-9, 1.47354059345687581e-8,
                                    -1.63600197488877203e-7, 1.64617933146580483e-6,  -1.49256381692592211e-5,
                                    1.20553326644027353e-4,  -8.54832701790588911e-4, 5.2239776253799492e-3,
                                    -0.0268661706451270914,  0.112837916709551113,    -0.376126389031837523,
                                    0.128379167095512574};
  static constexpr double far[] = {
      1.81028156836375249e-10,  8.10266862400325695e-10, -1.07950372785107748e-9, -8.68917229673562995e-9,
      -7.15375114549518147e-10, 5.11709415465163118e-8,  4.56547003722571487e-8,  -2.33837359804351841e-7,
      -4.07568844268229859e-7,  9.98802451823428257e-7,  2.76514799160164775e-6,  -4.74901980794139428e-6,
      -1.74704759775426328e-5,  3.03980483596444002e-5,  1.07561466753837884e-4,  -2.76777813233387169e-4,
      -5.48309689252167984e-4,  3.03406199594042144e-3,  -1.21241662738099915e-3, -0.0268272346240416655,
      0.119527761287296575,     -0.310467261900583595,   0.590228357104101722,    -0.883394453169883457,
      1.0740069070883397};
};

template <class T, std::size_t terms>
UNROLL_INLINE Batch<T> polynomial(Batch<T> x, const T (&c)[terms]) {
  Batch<T> sum(c[0]);
  [&]<std::size_t... K>(std::index_sequence<K...>) __attribute__((always_inline)) {
    ((sum = fma(x, sum, Batch<T>(c[K + 1]))), ...);
  }
  (std::make_index_sequence<terms - 1>{});
  return sum;
}

/// high + low, twice as long as a number.
template <class T>
struct Long {
  Batch<T> high, low;
};
/// a b, exactly.
template <class T>
UNROLL_INLINE Long<T> product(Batch<T> a, Batch<T> b) {
  const Batch<T> high = a * b;
#ifdef UNROLL_FMA
  return {high, fma(a, b, -high)};
#else
  const Batch<T> split(sizeof(T) == 4 ? T(4097) : T(134217729));  // halves whose products are exact
  const Batch<T> as = a * split, bs = b * split, a1 = as - (as - a), b1 = bs - (bs - b), a2 = a - a1,
                 b2 = b - b1;
  return {high, ((a1 * b1 - high) + a1 * b2 + a2 * b1) + a2 * b2};
#endif
}

/// e^−v for v ≥ 0: (1 + rest) 2ⁿ, not yet put together, so that a result that is denormal is rounded once; so small at
/// last that a thousand of it are 0.
template <class T>
UNROLL_INLINE ExpParts<T> decay(Batch<T> v) {
  return exp_parts(xsimd::max(Batch<T>(ExpNumbers<T>::lowest - T{16}), -v));  // NaN stays NaN
}

/// |x|, but 40 at most: what is computed from it is 0, or the same, from far below on.
template <class T>
UNROLL_INLINE Batch<T> size_up_to_40(Batch<T> x) {
  return xsimd::min(Batch<T>(T{40}), xsimd::abs(x));
}

/// factor e^(t² − v) erfc(t) for t ≥ 0.
template <class T>
UNROLL_INLINE Batch<T> decaying_erfc(Batch<T> t, Long<T> v, Batch<T> factor) {
  using Num = Batch<T>;
  const Num one(T{1}), three(T{3}), whole = t + three, inverse = one / whole;
  const Long<T> unit = product(inverse, whole);  // 1, but for what is rounded off
  const Num missing = ((one - unit.high) - unit.low) - inverse * (t - (whole - three));
  const Num y = polynomial((t - three) * inverse, ErfNumbers<T>::far);
  const Num z = factor * (fma(y, missing - v.low, y) * inverse);
  const ExpParts<T> e = decay(v.high);
  return scaled(fma(e.rest, z, z), e.n);
}

/// erfc |x|.
template <class T>
UNROLL_INLINE Batch<T> erfc_of_size(Batch<T> x) {
  const Batch<T> t = size_up_to_40(x);
  return decaying_erfc(t, product(t, t), Batch<T>(T{1}));
}

/// Error: 2 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> erf(Batch<T> x) {
  using Num = Batch<T>;
  const Num s = x * x, close = fma(x, polynomial(s, ErfNumbers<T>::near), x);
  const Num far = (Num(T{1}) - erfc_of_size(x)) | (x & Num(-T{0}));
  return xsimd::select(xsimd::abs(x) < Num(T(0.875)), close, far);
}

/// Error: 6 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> erfc(Batch<T> x) {
  const Batch<T> y = erfc_of_size(x);
  return xsimd::select(x < Batch<T>(T{0}), Batch<T>(T{2}) - y, y);
}

/// factor Φ(−|x|), where Φ is the distribution function of the normal distribution.
template <class T>
UNROLL_INLINE Batch<T> normal_tail(Batch<T> x, Batch<T> factor) {
  const Batch<T> half(T(0.5)), a = size_up_to_40(x);
  const Long<T> square = product(a, a);
  return decaying_erfc(a * Batch<T>(T(0.7071067811865475244)), {square.high * half, square.low * half},
                       factor * half);
}

/// Φ(x).
template <class T>
UNROLL_INLINE Batch<T> normal_cdf(Batch<T> x) {
  const Batch<T> one(T{1}), y = normal_tail(x, one);
  return xsimd::select(x < Batch<T>(T{0}), y, one - y);
}

/// x Φ(x). Error: 6 units in the last place at most.
template <class T>
UNROLL_INLINE Batch<T> gelu(Batch<T> x) {
  const Batch<T> y = normal_tail(x, size_up_to_40(x));
  return xsimd::select(x < Batch<T>(T{0}), y | Batch<T>(-T{0}), x - y);
}

}  // namespace num
}  // namespace UNROLL_ISA
}  // namespace unroll::detail
