#include "char_lm/word_share.hpp"

#include <clocale>
#include <cwctype>
#include <string>
#include <unordered_set>

#include "unroll/data/lower_case.hpp"
#include "unroll/data/utf8.hpp"

namespace unroll::char_lm {
namespace {

bool is_letter(char32_t c) {
  static const locale_t locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);  // lower_case() has found it
  return iswalpha_l(static_cast<wint_t>(c), locale) != 0;
}

template <class Visit>
void for_each_word(std::string_view text, Visit&& visit) {
  const std::string lower = lower_case(text);
  std::string word;
  for (std::size_t at = 0; at < lower.size();) {
    const CodePoint c = code_point_at(lower, at);
    if (is_letter(c.value))
      word.append(lower, at, c.length);
    else if (!word.empty())
      visit(word), word.clear();
    at += c.length;
  }
  if (!word.empty()) visit(word);
}

}  // namespace

WordShare share_of_known_words(std::string_view sample, std::string_view text) {
  std::unordered_set<std::string> known;
  for_each_word(text, [&](const std::string& word) { known.insert(word); });
  WordShare share;
  for_each_word(sample, [&](const std::string& word) {
    ++share.words;
    share.known += known.contains(word) ? 1 : 0;
  });
  return share;
}

}  // namespace unroll::char_lm
