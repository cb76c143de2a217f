#pragma once  // internal
/// \file Number functions that scalar ops are written with, for a number T and for a SIMD batch of T.
///
/// Everything here, and every kernel made from it, lives in an inline namespace named after the
/// instruction set, so that programs and libraries built for different processors can be linked. The library's own
/// objects have one of their own: a user's file makes the same kernels with flags of its own, and of two weak symbols
/// of one name the linker takes whichever it meets first.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "unroll/autograd/shape.hpp"
#include "unroll/detail/autograd/base/xsimd.hpp"

#ifdef UNROLL_OWN_OBJECTS
#define UNROLL_KERNELS(isa) own_##isa
#else
#define UNROLL_KERNELS(isa) isa
#endif
#if defined(__AVX512F__) && defined(__AVX512DQ__) && defined(__AVX512VL__)
#define UNROLL_ISA UNROLL_KERNELS(isa_avx512)
#define UNROLL_MASKED_LOADS 1
#elif defined(__AVX2__) && defined(__FMA__)
#define UNROLL_ISA UNROLL_KERNELS(isa_avx2)
#elif defined(__SSE4_2__)
#define UNROLL_ISA UNROLL_KERNELS(isa_sse4)
#else
#define UNROLL_ISA UNROLL_KERNELS(isa_base)
#endif

#if defined(__FMA__) || defined(__ARM_FEATURE_FMA)
#define UNROLL_FMA 1  // fma rounds once
#endif

#define UNROLL_INLINE inline __attribute__((always_inline))
#ifdef __SANITIZE_ADDRESS__
#define UNROLL_FLATTEN  // it would take half as long again to compile
#else
#define UNROLL_FLATTEN __attribute__((flatten))
#endif

#if defined(__AVX512BW__) && defined(__GNUC__) && !defined(__clang__) && !defined(__OPTIMIZE__)
#error "xsimd 8.1 does not compile for AVX-512 at -O0: use -Og for debugging, or -march=x86-64-v3"
#endif

#ifdef __FAST_MATH__
#error "not with -ffast-math: NaN and infinity are part of what ops promise, and tanh is rounded by hand"
#endif

namespace unroll::detail {
inline namespace UNROLL_ISA {

template <class T>
using Batch = xsimd::batch<T>;
template <class T>
using Mask = xsimd::batch_bool<T>;

/// One arithmetic for numbers and batches; unqualified calls from the ops find these.
namespace num {

// clang-format off
UNROLL_INLINE float exp(float x) { return std::exp(x); }
UNROLL_INLINE double exp(double x) { return std::exp(x); }
template <class T> UNROLL_INLINE Batch<T> log1p(Batch<T> x) { return xsimd::log1p(x); }
template <class T> UNROLL_INLINE Batch<T> sqrt(Batch<T> x) { return xsimd::sqrt(x); }
template <class T> UNROLL_INLINE Batch<T> abs(Batch<T> x) { return xsimd::abs(x); }
template <class T> UNROLL_INLINE Batch<T> sin(Batch<T> x) { return xsimd::sin(x); }
template <class T> UNROLL_INLINE Batch<T> cos(Batch<T> x) { return xsimd::cos(x); }
template <class T> UNROLL_INLINE Batch<T> tan(Batch<T> x) { return xsimd::tan(x); }
template <class T> UNROLL_INLINE Batch<T> floor(Batch<T> x) { return xsimd::floor(x) | (x & Batch<T>(-T{0})); }
template <class T> UNROLL_INLINE Batch<T> round(Batch<T> x) { return xsimd::nearbyint(x) | (x & Batch<T>(-T{0})); }
template <class T> UNROLL_INLINE Mask<T> gt(Batch<T> a, Batch<T> b) { return a > b; }
template <class T> UNROLL_INLINE Mask<T> ge(Batch<T> a, Batch<T> b) { return a >= b; }
template <class T> UNROLL_INLINE Mask<T> eq(Batch<T> a, Batch<T> b) { return a == b; }
template <class T> UNROLL_INLINE Batch<T> select(Mask<T> m, Batch<T> a, Batch<T> b) { return xsimd::select(m, a, b); }
#if XSIMD_VERSION_MAJOR < 9
template <class T> UNROLL_INLINE T sum(Batch<T> x) { return xsimd::hadd(x); }
#else
template <class T> UNROLL_INLINE T sum(Batch<T> x) { return xsimd::reduce_add(x); }
#endif
/// The bits of x as numbers of another type.
#if XSIMD_VERSION_MAJOR < 11
template <class To, class T> UNROLL_INLINE Batch<To> bits_as(Batch<T> x) { return xsimd::bitwise_cast<Batch<To>>(x); }
#else
template <class To, class T> UNROLL_INLINE Batch<To> bits_as(Batch<T> x) { return xsimd::bitwise_cast<To>(x); }
#endif
UNROLL_INLINE Batch<float> log(Batch<float> x) { return xsimd::log(x); }
// clang-format on

/// a b + c in one rounding, where the processor can: for AVX-512 xsimd 8.1 leaves it to the compiler, and that to the
/// level of optimisation.
template <class T>
UNROLL_INLINE Batch<T> fma(Batch<T> a, Batch<T> b, Batch<T> c) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return _mm512_fmadd_ps(a, b, c);
  else
    return _mm512_fmadd_pd(a, b, c);
#else
  return xsimd::fma(a, b, c);
#endif
}
/// c − a b, likewise.
template <class T>
UNROLL_INLINE Batch<T> fnma(Batch<T> a, Batch<T> b, Batch<T> c) {
#ifdef __AVX512F__
  if constexpr (sizeof(T) == 4)
    return _mm512_fnmadd_ps(a, b, c);
  else
    return _mm512_fnmadd_pd(a, b, c);
#elif defined(__ARM_FEATURE_FMA)
  return xsimd::fma(-a, b, c);  // xsimd 8.1's fnma rounds twice there
#else
  return xsimd::fnma(a, b, c);
#endif
}

/// xsimd 8.1 is wrong below the smallest normal double.
UNROLL_INLINE Batch<double> log(Batch<double> x) {
  const Batch<double> none(0.0);
  const Mask<double> tiny = x < Batch<double>(std::numeric_limits<double>::min()) && x > none;
  const Batch<double> scaled = xsimd::log(xsimd::select(tiny, x * Batch<double>(0x1p54), x));
  return scaled - xsimd::select(tiny, Batch<double>(54 * 0.6931471805599453), none);
}

/// The angle of the point (b, a). xsimd gives NaN where both are 0 or both infinite.
template <class T>
UNROLL_INLINE Batch<T> atan2(Batch<T> a, Batch<T> b) {
  using Num = Batch<T>;
  const Num one(T{1}), zero(T{0}), size = xsimd::abs(a), sign(-T{0});
  const Mask<T> infinite = size == Num(std::numeric_limits<T>::infinity());
  const Mask<T> corner = size == xsimd::abs(b) && (size == zero || infinite);
  return xsimd::atan2(xsimd::select(corner && infinite, one | (a & sign), a),
                      xsimd::select(corner, one | (b & sign), b));
}

/// xʸ. xsimd's exp(y log x) loses up to a hundred units in the last place and knows no 0⁰.
template <class T>
UNROLL_INLINE T pow(T x, T y) {
  if (y == 1) return x;
  if (y == 2) return x * x;
  if (y == 3) return x * x * x;
  if (y == -1) return 1 / x;
  return std::pow(x, y);
}
template <class T>
UNROLL_INLINE Batch<T> pow(Batch<T> x, Batch<T> y) {
  // Any path gives the bits of the scalar function: a result must not depend on its neighbours.
  if (xsimd::all(y == Batch<T>(T{2}))) return x * x;
  if (xsimd::all(y == Batch<T>(T{1}))) return x;
  alignas(64) T xs[Batch<T>::size], ys[Batch<T>::size];
  x.store_aligned(xs);
  y.store_aligned(ys);
  for (std::size_t i = 0; i < Batch<T>::size; ++i) xs[i] = pow(xs[i], ys[i]);
  return Batch<T>::load_aligned(xs);
}

}  // namespace num

/// The first n < width elements at p; the others are zero.
template <class T>
UNROLL_INLINE Batch<T> load_part(const T* p, index_t n) {
#ifdef UNROLL_MASKED_LOADS
  const unsigned mask = (1u << n) - 1;
  if constexpr (sizeof(T) == 4) {
    return _mm512_maskz_loadu_ps(static_cast<__mmask16>(mask), p);
  } else {
    return _mm512_maskz_loadu_pd(static_cast<__mmask8>(mask), p);
  }
#else
  alignas(64) T buffer[Batch<T>::size] = {};
  for (index_t i = 0; i < n; ++i) buffer[i] = p[i];
  return Batch<T>::load_aligned(buffer);
#endif
}

template <class T>
UNROLL_INLINE void store_part(T* p, Batch<T> x, index_t n) {
#ifdef UNROLL_MASKED_LOADS
  const unsigned mask = (1u << n) - 1;
  if constexpr (sizeof(T) == 4) {
    _mm512_mask_storeu_ps(p, static_cast<__mmask16>(mask), x);
  } else {
    _mm512_mask_storeu_pd(p, static_cast<__mmask8>(mask), x);
  }
#else
  alignas(64) T buffer[Batch<T>::size];
  x.store_aligned(buffer);
  for (index_t i = 0; i < n; ++i) p[i] = buffer[i];
#endif
}

}  // namespace UNROLL_ISA
}  // namespace unroll::detail
