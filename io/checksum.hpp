#pragma once
/// \file A 64-bit checksum against accidental damage (not against an adversary).

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace unroll::io {

/// XXH64 with seed 0 of all bytes given, however they are cut into pieces.
/// Source: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md
class Checksum {
 public:
  /// Takes more bytes.
  void update(std::span<const std::byte> bytes);
  /// The checksum of the bytes so far; more may follow.
  std::uint64_t value() const;

 private:
  static constexpr std::size_t stripe = 32;

  std::array<std::uint64_t, 4> lanes_ = {0x60EA27EEADC0B5D6, 0xC2B2AE3D27D4EB4F, 0, 0x61C8864E7A143579};
  std::array<std::byte, stripe> rest_{};  // bytes that do not fill a stripe yet
  std::uint64_t total_ = 0;
};

}  // namespace unroll::io
