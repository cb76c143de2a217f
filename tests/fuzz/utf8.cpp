// UTF-8 by code points, beside a table of the sequences that there are.

#include "unroll/data/utf8.hpp"

#include <algorithm>
#include <array>

#include "fuzz.hpp"

namespace {

using namespace unroll;

/// Sequences of bytes, by the range of each.
struct Sequence {
  std::size_t length;
  std::array<unsigned char, 8> ranges;
};
/// Unicode 15, table 3-7.
constexpr std::array<Sequence, 9> sequences = {{{1, {0x00, 0x7F}},
                                                {2, {0xC2, 0xDF, 0x80, 0xBF}},
                                                {3, {0xE0, 0xE0, 0xA0, 0xBF, 0x80, 0xBF}},
                                                {3, {0xE1, 0xEC, 0x80, 0xBF, 0x80, 0xBF}},
                                                {3, {0xED, 0xED, 0x80, 0x9F, 0x80, 0xBF}},
                                                {3, {0xEE, 0xEF, 0x80, 0xBF, 0x80, 0xBF}},
                                                {4, {0xF0, 0xF0, 0x90, 0xBF, 0x80, 0xBF, 0x80, 0xBF}},
                                                {4, {0xF1, 0xF3, 0x80, 0xBF, 0x80, 0xBF, 0x80, 0xBF}},
                                                {4, {0xF4, 0xF4, 0x80, 0x8F, 0x80, 0xBF, 0x80, 0xBF}}}};

/// Length of the sequence that a text begins with; 0 if it begins with none.
std::size_t sound_length(std::string_view text) {
  for (const auto& [length, ranges] : sequences) {
    std::size_t k = 0;
    while (k < length && k < text.size() && static_cast<unsigned char>(text[k]) >= ranges[2 * k] &&
           static_cast<unsigned char>(text[k]) <= ranges[2 * k + 1])
      ++k;
    if (k == length) return length;
  }
  return 0;
}

std::size_t first_fault(std::string_view text) {
  std::size_t at = 0;
  for (std::size_t length; at < text.size() && (length = sound_length(text.substr(at))) > 0;) at += length;
  return at;
}

void check_code_points(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    const std::size_t length = sound_length(text.substr(at));
    fuzz::require(point.fault.empty() == (length > 0), "what is sound and what is not");
    fuzz::require(point.length == std::max<std::size_t>(length, 1), "a code point has so many bytes");
    std::string again;
    append_utf8(again, point.value);
    fuzz::require(length == 0 || again == text.substr(at, length), "a code point is written as it was read");
    at += point.length;
  }
}

}  // namespace

UNROLL_FUZZ_TARGET(utf8) {
  check_code_points(input);
  const auto fault = find_utf8_fault(input);
  fuzz::require((fault ? fault->offset : input.size()) == first_fault(input), "the first fault is found");
  for (const std::size_t longest : {std::size_t{60}, input.size() * 6}) {
    const std::string shown = printable(input, longest);
    fuzz::require(!find_utf8_fault(shown), "what is shown is sound UTF-8");
    fuzz::require(
        std::none_of(shown.begin(), shown.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }),
        "what is shown has no control characters");
  }
  quote_symbol(input);
}
