#include "unroll/io/checksum.hpp"

#include <algorithm>
#include <bit>
#include <cstring>

namespace unroll::io {
namespace {

// The primes of the specification.
constexpr std::uint64_t p1 = 0x9E3779B185EBCA87;
constexpr std::uint64_t p2 = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t p3 = 0x165667B19E3779F9;
constexpr std::uint64_t p4 = 0x85EBCA77C2B2AE63;
constexpr std::uint64_t p5 = 0x27D4EB2F165667C5;

template <class Word>
Word load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof(word));
  return word;
}

std::uint64_t mix_lane(std::uint64_t lane, std::uint64_t word) {
  return std::rotl(lane + word * p2, 31) * p1;
}

void mix_stripe(std::array<std::uint64_t, 4>& lanes, const std::byte* at) {
  for (std::size_t k = 0; k < lanes.size(); ++k) {
    lanes[k] = mix_lane(lanes[k], load<std::uint64_t>(at + sizeof(lanes[k]) * k));
  }
}

/// The bytes after the last whole stripe.
std::uint64_t mix_rest(std::uint64_t hash, std::span<const std::byte> rest) {
  const std::byte* at = rest.data();
  const std::byte* const end = at + rest.size();
  for (; end - at >= 8; at += 8) hash = std::rotl(hash ^ mix_lane(0, load<std::uint64_t>(at)), 27) * p1 + p4;
  for (; end - at >= 4; at += 4) hash = std::rotl(hash ^ load<std::uint32_t>(at) * p1, 23) * p2 + p3;
  for (; at != end; ++at) hash = std::rotl(hash ^ std::to_integer<std::uint64_t>(*at) * p5, 11) * p1;
  return hash;
}

}  // namespace

void Checksum::update(std::span<const std::byte> bytes) {
  const std::size_t held = total_ % stripe;
  total_ += bytes.size();
  auto lanes = lanes_;  // a copy, because stores to the member could alias the bytes
  if (held != 0) {
    const auto head = bytes.first(std::min(bytes.size(), stripe - held));
    std::copy(head.begin(), head.end(), rest_.begin() + static_cast<std::ptrdiff_t>(held));
    if (held + head.size() < stripe) return;
    mix_stripe(lanes, rest_.data());
    bytes = bytes.subspan(head.size());
  }
  for (; bytes.size() >= stripe; bytes = bytes.subspan(stripe)) mix_stripe(lanes, bytes.data());
  std::copy(bytes.begin(), bytes.end(), rest_.begin());
  lanes_ = lanes;
}

std::uint64_t Checksum::value() const {
  std::uint64_t hash = p5;
  if (total_ >= stripe) {
    hash = std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) +
           std::rotl(lanes_[3], 18);
    for (const std::uint64_t lane : lanes_) hash = (hash ^ mix_lane(0, lane)) * p1 + p4;
  }
  hash = mix_rest(hash + total_, std::span(rest_).first(total_ % stripe));
  hash = (hash ^ (hash >> 33)) * p2;
  hash = (hash ^ (hash >> 29)) * p3;
  return hash ^ (hash >> 32);
}

}  // namespace unroll::io
