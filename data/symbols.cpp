#include "unroll/data/symbols.hpp"

#include <algorithm>

#include "unroll/autograd/error.hpp"
#include "unroll/data/utf8.hpp"
#include "unroll/detail/data/words.hpp"

namespace unroll {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r' || c == '\f' || c == '\v'; }

}  // namespace

std::string_view name_of(Level level) { return level == Level::character ? "char" : "word"; }

Level level_named(std::string_view name) {
  if (name == "char") return Level::character;
  if (name == "word") return Level::word;
  raise<DataError>("level: need 'char' or 'word'; got '{}'", printable(name));
}

std::size_t symbol_length(std::string_view text, Level level) {
  if (level == Level::character) return code_point_at(text, 0).length;
  std::size_t end = text[0] == ' ' && text.size() > 1 && !is_blank(text[1]) ? 1 : 0;
  return end + detail::word_length(text.substr(end));
}

SymbolCounts count_symbols(std::string_view text, Level level) {
  SymbolCounts counts;
  for_each_symbol(text, level, [&](std::string_view symbol) { counts.add(symbol); });
  return counts;
}

Encoded encode_symbols(std::string_view text, Level level, const Vocabulary& vocabulary) {
  constexpr std::size_t shown = 5;
  Encoded encoded;
  const auto note_unknown = [&](std::string_view symbol) {
    ++encoded.unknown;
    auto& symbols = encoded.unknown_symbols;
    if (symbols.size() < shown && std::find(symbols.begin(), symbols.end(), symbol) == symbols.end())
      symbols.emplace_back(symbol);
  };
  for_each_symbol(text, level, [&](std::string_view symbol) {
    auto id = vocabulary.find(symbol);
    if (!id) note_unknown(symbol), id = vocabulary.unknown();
    if (!id) return;
    encoded.ids.push_back(*id);
    encoded.characters += static_cast<std::int64_t>(count_characters(symbol));
  });
  return encoded;
}

std::string describe_unknown(const Encoded& encoded, Level level) {
  if (encoded.unknown == 0) return {};
  std::string quoted;
  for (const auto& symbol : encoded.unknown_symbols)
    quoted += (quoted.empty() ? "" : ", ") + quote_symbol(symbol);
  const bool more = encoded.unknown > std::ssize(encoded.unknown_symbols);
  return fmt::format("{} unknown {}{} ({}{})", encoded.unknown, level == Level::word ? "word" : "character",
                     encoded.unknown == 1 ? "" : "s", quoted, more ? ", ..." : "");
}

}  // namespace unroll
