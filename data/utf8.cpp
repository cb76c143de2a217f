#include "unroll/data/utf8.hpp"

#include <algorithm>
#include <array>

#include "unroll/autograd/error.hpp"
#include "unroll/detail/data/plain_text.hpp"

namespace unroll {
namespace {

constexpr char32_t largest = 0x10FFFF;
constexpr bool is_surrogate(char32_t c) { return c >= 0xD800 && c <= 0xDFFF; }
constexpr bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// Length of the sequence that a first byte announces, 0 if it cannot be a first byte.
constexpr std::size_t announced_length(unsigned char byte) {
  if (byte < 0x80) return 1;
  if (byte < 0xC0) return 0;
  if (byte < 0xE0) return 2;
  if (byte < 0xF0) return 3;
  return byte < 0xF8 ? 4 : 0;
}

/// Control characters, and those that show nothing or turn the direction of writing.
constexpr bool is_invisible(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200B && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

}  // namespace

CodePoint code_point_at(std::string_view text, std::size_t offset) {
  if (offset >= text.size())
    raise<IndexError>("code_point_at: offset {} in a text of {} bytes", offset, text.size());
  const auto fault = [](std::string_view why) { return CodePoint{0xFFFD, 1, why}; };
  const auto first = static_cast<unsigned char>(text[offset]);
  const std::size_t length = announced_length(first);
  if (length == 1) return {first, 1, {}};
  if (length == 0)
    return fault(first < 0xC0 ? "a continuation byte without a first byte" : "a byte that UTF-8 never uses");
  char32_t value = first & (0x7Fu >> length);
  for (std::size_t k = 1; k < length; ++k) {
    if (offset + k >= text.size()) return fault("the text ends within a character");
    const auto next = static_cast<unsigned char>(text[offset + k]);
    if (!is_continuation(next)) return fault("a continuation byte is missing");
    value = (value << 6) | (next & 0x3Fu);
  }
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (value < smallest[length]) return fault("an overlong form");
  if (is_surrogate(value)) return fault("a surrogate");
  if (value > largest) return fault("above U+10FFFF");
  return {value, length, {}};
}

std::optional<Utf8Fault> find_utf8_fault(std::string_view text) {
  for (std::size_t offset = 0; offset < text.size();) {
    if (offset += detail::plain_length(text.substr(offset), '\x7F'); offset == text.size()) break;
    const CodePoint point = code_point_at(text, offset);
    if (!point.fault.empty()) {
      const auto lines = std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
      return Utf8Fault{offset, static_cast<std::size_t>(lines) + 1, static_cast<unsigned char>(text[offset]),
                       point.fault};
    }
    offset += point.length;
  }
  return std::nullopt;
}

std::string describe(const Utf8Fault& fault, std::string_view name) {
  return fmt::format("{}:{}: byte 0x{:02X} (offset {}) is not UTF-8: {}", name, fault.line, fault.byte,
                     fault.offset, fault.reason);
}

void append_utf8(std::string& text, char32_t code_point) {
  if (is_surrogate(code_point) || code_point > largest)
    raise<IndexError>("append_utf8: U+{:04X} is no character", static_cast<std::uint32_t>(code_point));
  const auto continuation = [&](int shift) {
    text += static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
  };
  if (code_point < 0x80) {
    text += static_cast<char>(code_point);
  } else if (code_point < 0x800) {
    text += static_cast<char>(0xC0 | (code_point >> 6));
    continuation(0);
  } else if (code_point < 0x10000) {
    text += static_cast<char>(0xE0 | (code_point >> 12));
    continuation(6), continuation(0);
  } else {
    text += static_cast<char>(0xF0 | (code_point >> 18));
    continuation(12), continuation(6), continuation(0);
  }
}

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return !is_continuation(static_cast<unsigned char>(c)); }));
}

std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  for (std::size_t at = 0; at < text.size();) {
    const CodePoint point = code_point_at(text, at);
    if (at + point.length > longest) return shown + "...";
    if (point.fault.empty() && !is_invisible(point.value))
      shown += text.substr(at, point.length);
    else if (point.value == '\n' || point.value == '\t' || point.value == '\r')
      shown += point.value == '\n' ? "\\n" : point.value == '\t' ? "\\t" : "\\r";
    else if (!point.fault.empty() || point.value < 0x80)
      shown += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[at]));
    else
      shown += fmt::format("\\u{:04X}", static_cast<std::uint32_t>(point.value));
    at += point.length;
  }
  return shown;
}

std::string quote_symbol(std::string_view symbol) {
  const std::string shown = printable(symbol);
  if (symbol.empty() || code_point_at(symbol, 0).length != symbol.size()) return fmt::format("'{}'", shown);
  return fmt::format("'{}' (U+{:04X})", shown, static_cast<std::uint32_t>(code_point_at(symbol, 0).value));
}

}  // namespace unroll
