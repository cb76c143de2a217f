#include "unroll/detail/io/text.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace unroll::io {
namespace {

bool is_continuation(unsigned char byte) { return (byte & 0xC0) == 0x80; }

/// Bytes of the UTF-8 sequence at the start of `text`, which is not empty; 0 if it is malformed.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text[0]);
  if (lead < 0x80) return 1;
  const std::size_t length = lead < 0xC2 ? 0 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : lead < 0xF5 ? 4 : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t k = 1; k < length; ++k) {
    if (!is_continuation(static_cast<unsigned char>(text[k]))) return 0;
  }
  const auto second = static_cast<unsigned char>(text[1]);
  const bool overlong = (lead == 0xE0 && second < 0xA0) || (lead == 0xF0 && second < 0x90);
  const bool surrogate = lead == 0xED && second > 0x9F;
  const bool beyond_unicode = lead == 0xF4 && second > 0x8F;
  return overlong || surrogate || beyond_unicode ? 0 : length;
}

}  // namespace

std::string quote(std::string_view text) {
  constexpr std::size_t longest = 60;
  if (text.size() <= longest) return fmt::format("{:?}", text);
  std::size_t cut = longest;
  while (cut > longest - 4 && is_continuation(static_cast<unsigned char>(text[cut]))) --cut;
  return fmt::format("{:?}...", text.substr(0, cut));
}

std::string shown_name(std::string_view name) {
  const bool plain = !name.empty() && name.size() <= 100 &&
                     std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < '\x7F'; });
  return plain ? std::string(name) : quote(name);
}

std::string shown_names(std::span<const std::string> names) {
  constexpr std::size_t most = 20;
  std::string list;
  for (const auto& name : names.first(std::min(most, names.size())))
    list += (list.empty() ? "" : ", ") + shown_name(name);
  return names.size() > most ? fmt::format("{} and {} more", list, names.size() - most) : list;
}

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

std::string join(std::span<const std::int64_t> numbers, std::string_view separator) {
  std::string text;
  for (std::size_t k = 0; k < numbers.size(); ++k) {
    if (k > 0) text += separator;
    text += fmt::to_string(numbers[k]);
  }
  return text;
}

std::string shape_text(std::span<const std::int64_t> shape) {
  return '(' + join(shape, ", ") + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace unroll::io
