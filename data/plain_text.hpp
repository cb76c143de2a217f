#pragma once  // internal
/// \file What most texts are, quickly: ASCII.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace unroll::detail {

/// The number of bytes before the first that is not ASCII, or is `stop`.
inline std::size_t plain_length(std::string_view text, char stop) {
  constexpr std::uint64_t ones = 0x0101010101010101, high = 0x8080808080808080;
  const std::uint64_t stops = ones * static_cast<unsigned char>(stop);
  std::size_t at = 0;
  for (std::uint64_t word = 0; at + sizeof(word) <= text.size(); at += sizeof(word)) {
    std::memcpy(&word, text.data() + at, sizeof(word));
    const std::uint64_t difference = word ^ stops;  // a byte of 0 where the text has `stop`
    if (((word | (difference - ones)) & high) != 0) break;
  }
  while (at < text.size() && static_cast<unsigned char>(text[at]) < 0x80 && text[at] != stop) ++at;
  return at;
}

}  // namespace unroll::detail
