#include "unroll/data/tokens.hpp"

#include "unroll/data/utf8.hpp"

namespace unroll {

std::vector<std::string_view> split_words(std::string_view text) {
  constexpr std::string_view between = " \t";
  std::vector<std::string_view> words;
  for (std::size_t begin = 0; (begin = text.find_first_not_of(between, begin)) != text.npos;) {
    const std::size_t end = std::min(text.find_first_of(between, begin), text.size());
    words.push_back(text.substr(begin, end - begin));
    begin = end;
  }
  return words;
}

std::vector<std::string_view> split_characters(std::string_view text) {
  std::vector<std::string_view> characters;
  for (std::size_t at = 0; at < text.size(); at += characters.back().size())
    characters.push_back(text.substr(at, code_point_at(text, at).length));
  return characters;
}

}  // namespace unroll
