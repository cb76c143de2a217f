#pragma once  // internal
/// \file Rounding to bfloat16.

#include <bit>
#include <cstdint>

namespace unroll::blas {

/// The bits of a float, rounded to the nearest bfloat16, ties to even, in the upper half; the lower half is 0. Denormal
/// numbers become 0 of their sign, NaN a quiet NaN. As the instruction vcvtneps2bf16 does it.
constexpr std::uint32_t bfloat16_bits(std::uint32_t bits) {
  const std::uint32_t size = bits & 0x7fffffffu;
  const std::uint32_t nearest = bits + 0x7fffu + ((bits >> 16) & 1u);
  const std::uint32_t kept = size > 0x7f800000u ? bits | 0x00400000u : nearest;
  return (size < 0x00800000u ? bits & 0x80000000u : kept) & 0xffff0000u;
}

inline float bfloat16_of(float x) {
  return std::bit_cast<float>(bfloat16_bits(std::bit_cast<std::uint32_t>(x)));
}

}  // namespace unroll::blas
