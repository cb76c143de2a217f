#pragma once  // internal
/// \file xsimd, without gcc 12's false alarms in its own intrinsics (bug 105593). Goes before xtensor, which
/// includes it, too. And with quotients and roots that are rounded right on 64-bit Arm, where those of floats are estimates
/// up to 8.1 at least: of 100,000 quotients 31,000 were off by a unit in the last place or more.

#include "unroll/detail/config.hpp"
//
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <xsimd/xsimd.hpp>
#pragma GCC diagnostic pop
#else
#include <xsimd/xsimd.hpp>
#endif

#if XSIMD_WITH_NEON64
namespace xsimd {

template <>
inline batch<float, neon64>& batch<float, neon64>::operator/=(const batch& other) noexcept {
  return *this = vdivq_f32(data, other.data);
}

template <>
inline batch<float, neon64> sqrt(const batch<float, neon64>& x) noexcept {
  return vsqrtq_f32(x.data);
}

}  // namespace xsimd
#endif
