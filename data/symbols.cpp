#include "unroll/data/symbols.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/words.hpp"

namespace unroll {
namespace {

constexpr std::string_view blanks = " \n\t\r\f\v", blanks_in_line = " \t\r\f\v";

std::size_t token_length(std::string_view text) {
  return text[0] == '\n' ? 1 : std::min(text.find_first_of(blanks), text.size());
}

std::size_t spaced_word_length(std::string_view text) {
  const bool with_space = text[0] == ' ' && text.size() > 1 && blanks.find(text[1]) == blanks.npos;
  const std::size_t begin = with_space ? 1 : 0;
  return begin + detail::word_length(text.substr(begin));
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::character:
      return "char";
    case Level::subword:
      return "bpe";
    default:
      return level == Level::word ? "word" : "token";
  }
}

std::string_view noun_of(Level level) {
  if (level == Level::subword) return "subword";
  return level == Level::character ? "character" : name_of(level);
}

Level level_named(std::string_view name) {
  for (const Level level : {Level::character, Level::word, Level::token, Level::subword})
    if (name == name_of(level)) return level;
  raise<DataError>("level: need 'char', 'word', 'token' or 'bpe'; got '{}'", printable(name));
}

std::size_t symbol_length(std::string_view text, Level level) {
  switch (level) {
    case Level::word:
      return spaced_word_length(text);
    case Level::token:
      return token_length(text);
    case Level::subword:
      return detail::piece_length(text);
    default:
      return code_point_at(text, 0).length;
  }
}

std::size_t gap_length(std::string_view text, Level level) {
  return level == Level::token ? std::min(text.find_first_not_of(blanks_in_line), text.size()) : 0;
}

SymbolWriter::SymbolWriter(Level level, std::string_view before)
    : spaced_(level == Level::token), begins_(before.empty() || blanks.find(before.back()) != blanks.npos) {}

std::string SymbolWriter::operator()(std::string_view symbol) {
  const bool ends_line = symbol == "\n";
  std::string text = spaced_ && !begins_ && !ends_line ? " " : "";
  begins_ = ends_line;
  return text.append(symbol);
}

SymbolCounts count_symbols(std::string_view text, Level level) {
  SymbolCounts counts;
  for_each_symbol(text, level, [&](std::string_view symbol) { counts.add(symbol); });
  return counts;
}

std::string describe_unknown(const Encoded& encoded, Level level) {
  if (encoded.unknown == 0) return {};
  std::string quoted;
  for (const auto& symbol : encoded.unknown_symbols)
    quoted += (quoted.empty() ? "" : ", ") + quote_symbol(symbol);
  const bool more = encoded.unknown > std::ssize(encoded.unknown_symbols);
  return fmt::format("{} unknown {}{} ({}{})", encoded.unknown, noun_of(level),
                     encoded.unknown == 1 ? "" : "s", quoted, more ? ", ..." : "");
}

}  // namespace unroll
