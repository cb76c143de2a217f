#include "unroll/detail/data/words.hpp"

#ifdef UNROLL_NO_UTF8PROC
#include "unroll/autograd/error.hpp"
#else
#include <utf8proc.h>

#include <algorithm>
#include <array>
#include <utility>

#include "unroll/data/utf8.hpp"
#endif

namespace unroll::detail {

#ifdef UNROLL_NO_UTF8PROC
std::size_t word_length(std::string_view) {
  raise<UsageError>("word: this library was built without utf8proc (UNROLL_UTF8PROC=OFF)");
}
std::size_t piece_length(std::string_view text) { return word_length(text); }
#else
namespace {

enum class Kind { letter, mark, sign, control };

/// utf8proc knows no scripts: the blocks of those written without spaces between words.
constexpr std::pair<char32_t, char32_t> without_spaces[] = {
    {0x0E00, 0x0FFF},    // Thai, Lao, Tibetan
    {0x1000, 0x109F},    // Burmese
    {0x1780, 0x17FF},    // Khmer
    {0x1950, 0x19FF},    // Tai Le, New Tai Lue, Khmer symbols
    {0x1A20, 0x1AAF},    // Tai Tham
    {0x2E80, 0x312F},    // Chinese, Japanese
    {0x3190, 0x9FFF},    // Chinese, Japanese
    {0xA9E0, 0xA9FF},    // Burmese, extended
    {0xAA60, 0xAADF},    // Burmese, extended; Tai Viet
    {0xF900, 0xFAFF},    // Chinese, compatibility forms
    {0xFF00, 0xFF9F},    // forms of full and half width
    {0x11700, 0x1174F},  // Ahom
    {0x16FE0, 0x18DFF},  // Tangut, Khitan
    {0x1AFF0, 0x1B2FF},  // Japanese, Nüshu
    {0x20000, 0x3FFFF},  // Chinese, extended
};

bool is_without_spaces(char32_t c) {
  return std::any_of(std::begin(without_spaces), std::end(without_spaces),
                     [c](const auto& block) { return c >= block.first && c <= block.second; });
}

/// Punctuation by its category, but it stands inside words: of type and typeset, Armenian, Hebrew.
bool is_apostrophe(char32_t c) { return c == '\'' || c == 0x2019 || c == 0x055A || c == 0x05F3; }

Kind kind_of(char32_t c) {
  constexpr char32_t zero_width_space = 0x200B;
  if (c < 0x80) {  // the same, quickly
    if ((c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '\'')
      return Kind::letter;
    return c < 0x20 || c == 0x7F ? Kind::control : Kind::sign;
  }
  switch (utf8proc_category(static_cast<utf8proc_int32_t>(c))) {
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_MC:
    case UTF8PROC_CATEGORY_ME:
      return Kind::mark;
    case UTF8PROC_CATEGORY_LU:
    case UTF8PROC_CATEGORY_LL:
    case UTF8PROC_CATEGORY_LT:
    case UTF8PROC_CATEGORY_LM:
    case UTF8PROC_CATEGORY_LO:
    case UTF8PROC_CATEGORY_ND:
    case UTF8PROC_CATEGORY_NL:
    case UTF8PROC_CATEGORY_NO:
      return is_without_spaces(c) ? Kind::sign : Kind::letter;
    case UTF8PROC_CATEGORY_CF:
      return c == zero_width_space ? Kind::sign : Kind::letter;
    case UTF8PROC_CATEGORY_CC:
      return Kind::control;
    default:
      return is_apostrophe(c) ? Kind::letter : Kind::sign;
  }
}

/// The length of a character with what combines with it, from `end`, where its first code point ends.
std::size_t with_marks(std::string_view text, CodePoint point, std::size_t end) {
  utf8proc_int32_t state = 0;
  while (end < text.size()) {
    const CodePoint next = code_point_at(text, end);
    // Some vowel signs of Burmese are clusters of their own there.
    const bool breaks = utf8proc_grapheme_break_stateful(static_cast<utf8proc_int32_t>(point.value),
                                                         static_cast<utf8proc_int32_t>(next.value), &state);
    if (breaks && kind_of(next.value) != Kind::mark) break;
    end += next.length;
    point = next;
  }
  return end;
}

}  // namespace

std::size_t word_length(std::string_view text) {
  CodePoint point = code_point_at(text, 0);
  std::size_t end = point.length;
  const Kind first = kind_of(point.value);
  if (first == Kind::control) return end;
  if (first == Kind::sign) return with_marks(text, point, end);
  while (end < text.size()) {
    point = code_point_at(text, end);
    if (const Kind kind = kind_of(point.value); kind == Kind::sign || kind == Kind::control) break;
    end += point.length;
  }
  return end;
}

std::size_t piece_length(std::string_view text) {
  constexpr int longest = 32;
  constexpr std::string_view blanks = " \n\t\r\f\v";
  const std::size_t blank = std::min(text.find_first_not_of(blanks), text.size());
  if (blank > 1 || (blank == 1 && text[0] != ' '))  // a run of them
    return blank > longest ? longest
                           : blank - (blank > 1 && blank < text.size() && text[blank - 1] == ' ' ? 1 : 0);
  std::size_t end = blank;
  if (end == text.size()) return end;
  const bool in_word = kind_of(code_point_at(text, end).value) == Kind::letter;
  for (int count = 0; end < text.size() && count < longest; ++count) {
    const CodePoint point = code_point_at(text, end);
    const Kind kind = kind_of(point.value);
    const bool joins = kind == Kind::mark || (kind == Kind::letter) == in_word;
    if (!joins || blanks.find(text[end]) != blanks.npos) break;
    end += point.length;
  }
  return end;
}
#endif

}  // namespace unroll::detail
